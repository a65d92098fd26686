//! The text form of a parse tree (`pg_node_tree`): `{KIND :field value …}`, lists in parentheses.

/// A node: its kind, and each field with what it holds.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) kind: String,
    pub(super) fields: Vec<(String, Vec<Value>)>,
}

#[derive(Debug)]
pub(super) enum Value {
    Node(Node),
    List(Vec<Self>),
    Word(String),
}

// === impl Node ===

impl Node {
    /// A field that is one word.
    pub(super) fn word(&self, name: &str) -> Option<&str> {
        let (_, values) = self.fields.iter().find(|(field, _)| field == name)?;
        match values.as_slice() {
            [Value::Word(word)] => Some(word),
            _ => None,
        }
    }

    /// A field that is one node.
    pub(super) fn node(&self, name: &str) -> Option<&Self> {
        let (_, values) = self.fields.iter().find(|(field, _)| field == name)?;
        match values.as_slice() {
            [Value::Node(node)] => Some(node),
            _ => None,
        }
    }
}

/// Reads the text.
pub(super) fn read(text: &str) -> Vec<Value> {
    let mut tokens = tokens(text).into_iter();
    let values = values(&mut tokens, None);
    assert!(tokens.next().is_none(), "read to the end");
    values
}

fn values(tokens: &mut std::vec::IntoIter<String>, end: Option<&str>) -> Vec<Value> {
    let mut found = Vec::new();
    while let Some(token) = tokens.next() {
        match token.as_str() {
            token if Some(token) == end => return found,
            "{" => found.push(Value::Node(node(tokens))),
            "(" => found.push(Value::List(values(tokens, Some(")")))),
            _ => found.push(Value::Word(token)),
        }
    }
    assert_eq!(end, None, "the text ends early");
    found
}

fn node(tokens: &mut std::vec::IntoIter<String>) -> Node {
    let mut node = Node {
        kind: tokens.next().unwrap(),
        ..Node::default()
    };
    for value in values(tokens, Some("}")) {
        match (value, node.fields.last_mut()) {
            (Value::Word(word), _) if word.starts_with(':') => {
                node.fields.push((word[1..].to_owned(), Vec::new()));
            }
            (value, Some((_, values))) => values.push(value),
            (value, None) => panic!("{value:?} before any field of {}", node.kind),
        }
    }
    node
}

/// Braces and parentheses by themselves, and words: a backslash makes the next character a part of its word, and what stands
/// between double quotes is one.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => word.extend([char].into_iter().chain(chars.next())),
            '"' => {
                quoted = !quoted;
                word.push(char);
            }
            _ if quoted => word.push(char),
            '{' | '}' | '(' | ')' | ' ' | '\n' => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                if !char.is_whitespace() {
                    found.push(char.to_string());
                }
            }
            _ => word.push(char),
        }
    }
    found.extend((!word.is_empty()).then_some(word));
    found
}
