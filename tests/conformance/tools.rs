//! Which of the servers are there.

use millrace_stack::Tool;
use std::io::Write;

/// Whether a tool can be used. Where not, says so past the test harness, which swallows what passing tests print.
///
/// # Panics
/// When it is missing and `CONFORMANCE_REQUIRE` is 1, or when its variable names no file.
pub(crate) fn is_there(tool: Tool) -> bool {
    let Err(error) = tool.find() else { return true };
    let required = std::env::var("CONFORMANCE_REQUIRE").is_ok_and(|value| value == "1");
    let missing = error.is::<millrace_stack::MissingTool>();
    assert!(missing && !required, "{error:#}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default().to_owned();
    let words = format!("NOT RUN {test}: {error:#}\n");
    std::io::stderr().write_all(words.as_bytes()).unwrap();
    false
}
