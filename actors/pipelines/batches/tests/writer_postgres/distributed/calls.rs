//! Every function that a parsed statement calls. A kind of node that is not known here fails the test, for it might call one.

use super::node::{Node, Value, read};

/// Something that is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Call {
    /// A function, or that of an operator.
    Function(u32),
    /// What reads a value of this type from text.
    Input(u32),
    /// What makes text of a value of this type.
    Output(u32),
    /// Words such as `CURRENT_TIMESTAMP`.
    Stable(&'static str),
}

/// Where it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    OnConflict,
    Elsewhere,
}

/// Nodes that call nothing themselves. `MINMAXEXPR` compares by the order of its type, which is IMMUTABLE by definition.
const CALL_NOTHING: &[&str] = &[
    "ALIAS",
    "ARRAYEXPR",
    "BOOLEANTEST",
    "BOOLEXPR",
    "CASE",
    "CASEEXPR",
    "CASETESTEXPR",
    "COALESCE",
    "COALESCEEXPR",
    "CONST",
    "FROMEXPR",
    "INFERENCEELEM",
    "MINMAX",
    "MINMAXEXPR",
    "NULLTEST",
    "ONCONFLICTEXPR",
    "PARAM",
    "QUERY",
    "RANGETBLENTRY",
    "RANGETBLFUNCTION",
    "RANGETBLREF",
    "RELABELTYPE",
    "RTEPERMISSIONINFO",
    "TARGETENTRY",
    "VAR",
    "WHEN",
    "CASEWHEN",
];

/// Nodes that call a function, and the field that names it.
const CALL: &[(&str, &str)] = &[
    ("FUNCEXPR", "funcid"),
    ("OPEXPR", "opfuncid"),
    ("DISTINCTEXPR", "opfuncid"),
    ("NULLIFEXPR", "opfuncid"),
    ("SCALARARRAYOPEXPR", "opfuncid"),
    ("AGGREF", "aggfnoid"),
];

/// Fields that name the type of what a node yields.
const TYPES: &[&str] = &[
    "vartype",
    "paramtype",
    "consttype",
    "funcresulttype",
    "opresulttype",
    "resulttype",
    "coalescetype",
    "casetype",
    "minmaxtype",
    "array_typeid",
];

/// Every call of a statement.
pub(super) fn calls(text: &str) -> Vec<(Place, Call)> {
    let mut found = Vec::new();
    for value in read(text) {
        visit(&value, Place::Elsewhere, &mut found);
    }
    assert!(!found.is_empty(), "{text}");
    found
}

fn visit(value: &Value, place: Place, found: &mut Vec<(Place, Call)>) {
    match value {
        Value::Word(_) => {}
        Value::List(values) => values.iter().for_each(|value| visit(value, place, found)),
        Value::Node(node) => {
            let place = if node.kind == "ONCONFLICTEXPR" {
                Place::OnConflict
            } else {
                place
            };
            called_by(node, |call| found.push((place, call)));
            let inside = node.fields.iter().flat_map(|(_, values)| values);
            inside.for_each(|value| visit(value, place, found));
        }
    }
}

fn called_by(node: &Node, mut call: impl FnMut(Call)) {
    let oid = |field: &str| -> u32 {
        let oid = node.word(field).and_then(|word| word.parse().ok());
        oid.filter(|oid| *oid > 0)
            .unwrap_or_else(|| panic!("{} without {field}", node.kind))
    };
    match node.kind.as_str() {
        "COERCEVIAIO" => {
            call(Call::Output(type_of(node.node("arg").unwrap())));
            call(Call::Input(oid("resulttype")));
        }
        "SQLVALUEFUNCTION" => call(Call::Stable("SQLVALUEFUNCTION")),
        kind => match CALL.iter().find(|(known, _)| *known == kind) {
            Some((_, field)) => call(Call::Function(oid(field))),
            None => assert!(CALL_NOTHING.contains(&kind), "what does {kind} call?"),
        },
    }
}

fn type_of(node: &Node) -> u32 {
    let named = TYPES.iter().find_map(|field| node.word(field)?.parse().ok());
    // Of a Boolean expression the type goes without saying.
    named.unwrap_or_else(|| panic!("of which type is {}?", node.kind))
}
