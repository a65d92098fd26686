//! Whatever the properties of a message are: the client library can read what is made of them, and write it again.
#![no_main]

use amqprs::BasicProperties;
use libfuzzer_sys::fuzz_target;
use millrace_amqp::wire::{Properties, properties};

fuzz_target!(|bytes: &[u8]| {
    let readable = match properties(bytes) {
        Properties::Fine => bytes.to_vec(),
        Properties::Repaired { bytes, .. } => {
            assert_eq!(properties(&bytes), Properties::Fine);
            bytes
        }
    };
    let read: BasicProperties = amqp_serde::from_bytes(&readable).expect("what was found fine");
    let copy = amqp_serde::to_bytes(&read).expect("what was read");
    assert_eq!(properties(&copy), Properties::Fine);
});
