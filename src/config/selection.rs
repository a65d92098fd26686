//! Which pipelines run.

use super::problem::Problem;
use super::reader::Reader;
use super::rule::List;
use super::setting::{Setting, settings};
use crate::pipeline::Pipeline;
use crate::pipelines::{self, DEFAULT};

settings! { "Pipelines";
    PIPELINES: List = Setting::new("PIPELINES", List, DEFAULT, "Pipelines that run in this process, between commas. One that does not run needs none of its settings.");
}

/// Reads the group.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<&'static dyn Pipeline> {
    let names = reader.get(&PIPELINES);
    let known: Vec<_> = pipelines::all().map(|pipeline| pipeline.name()).collect();
    if names.is_empty() {
        let hint = format!("use {}", known.join(", "));
        reader.problem(Problem::new("PIPELINES", "names no pipeline".to_owned(), &hint));
    }
    for name in &names {
        if !known.contains(&name.as_str()) {
            let hint = format!("use {}", known.join(", "));
            let problem = Problem::new(
                "PIPELINES",
                format!("names {name:?}, which is no pipeline"),
                &hint,
            );
            reader.problem(problem);
        }
    }
    // In the order of the list, each once, however they are named.
    let chosen = pipelines::all().filter(|pipeline| names.iter().any(|name| name == pipeline.name()));
    chosen.collect()
}
