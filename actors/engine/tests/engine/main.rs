//! The guarantees of the engine, one file each, in virtual time. `actors/README.md` lists them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod a_bad_event_is_found_alone;
mod a_drain_finishes_what_is_in_flight;
mod a_hung_run_is_given_up;
mod a_panic_costs_no_event;
mod a_sink_may_linger;
mod a_split_delivery_ends_with_its_worst_part;
mod a_stage_makes_none_one_or_many;
mod an_actor_is_known_by_its_place;
mod an_outage_holds_its_event;
mod an_outage_pauses_the_pipeline;
mod batching_is_natural;
mod due_rows_are_claimed_and_settled;
mod every_delivery_is_settled_once;
mod pipeline;
mod pipelines_do_not_harm_each_other;
mod positions_are_settled_as_ranges;
mod restarts_are_paced_and_limited;
mod schedules;
mod sinks_stand_side_by_side;
mod supervision_speaks_per_message;
mod testkit;
mod what_failed_before_ties_up_one_member;
mod work_goes_to_the_least_loaded;
