//! Records in, what must be stored of them out.

use super::{
    event::{self, Event, Read, Refused},
    record::{ProductSettings, SentRecord},
};
use std::collections::BTreeMap;

/// A topic, a partition and an offset.
pub(super) type Place = (String, i32, i64);

/// What must be stored. Which of several records with one id is the event depends on which partition is read first, so
/// it is not known until the tables are looked at.
#[derive(Debug)]
pub struct Expected {
    /// By event id: all records that bring it, by place.
    pub(super) events: BTreeMap<String, Vec<(SentRecord, Event)>>,
    /// Records that are no events.
    pub(super) rejected: Vec<(SentRecord, Refused)>,
    /// Behind the last record of each partition.
    pub(super) positions: BTreeMap<(String, i32), i64>,
    pub(super) settings: ProductSettings,
    tombstones: usize,
}

/// Computes what these records, in any order, make of empty tables.
pub fn expect(records: impl IntoIterator<Item = SentRecord>, settings: &ProductSettings) -> Expected {
    let mut expected = Expected {
        events: BTreeMap::new(),
        rejected: Vec::new(),
        positions: BTreeMap::new(),
        settings: settings.clone(),
        tombstones: 0,
    };
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_by_key(place);
    for record in records {
        let next = expected
            .positions
            .entry((record.topic.clone(), record.partition))
            .or_default();
        *next = (*next).max(record.offset + 1);
        match event::read(&record, settings) {
            Read::Tombstone => expected.tombstones += 1,
            Read::Refused(refused) => expected.rejected.push((record, refused)),
            Read::Event(event) => {
                let same = expected.events.entry(event.id.clone()).or_default();
                same.push((record, *event));
            }
        }
    }
    expected
}

pub(super) fn place(record: &SentRecord) -> Place {
    (record.topic.clone(), record.partition, record.offset)
}

// === impl Expected ===

impl Expected {
    /// Events that must be stored.
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Records with an id that another record brings too.
    pub fn duplicates(&self) -> usize {
        self.events.values().map(|same| same.len() - 1).sum()
    }

    /// Records without a value.
    pub fn tombstones(&self) -> usize {
        self.tombstones
    }

    /// How often each reason must be there.
    pub fn reasons(&self) -> BTreeMap<&'static str, usize> {
        let mut reasons = BTreeMap::new();
        for (_, (_, reason, _)) in &self.rejected {
            *reasons.entry(*reason).or_default() += 1;
        }
        reasons
    }

    /// Whether a record may be the stored one of its id: nothing before it in its partition has the same.
    pub(super) fn may_be_first(&self, id: &str, place: &Place) -> bool {
        let same = self.events.get(id).map(Vec::as_slice).unwrap_or_default();
        let before = |record: &SentRecord| {
            (&record.topic, record.partition) == (&place.0, place.1) && record.offset < place.2
        };
        !same.iter().any(|(record, _)| before(record))
    }
}
