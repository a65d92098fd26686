//! Where runs of bytes end.

use crate::parse::scan::is_blank;

pub(super) fn skip_blank(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_blank(*byte)) {
        at += 1;
    }
    at
}

/// Bytes that are looked at together in long text.
const BLOCK: usize = 32;

/// The next byte from `at` that means something in a string: a quote, a backslash or a control character.
pub(in crate::parse) fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    let long = at + BLOCK;
    while let Some(word) = bytes.get(at..at + 8) {
        let found = special(u64::from_le_bytes(word.try_into().unwrap_or_default()));
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at == long {
            at = plain_blocks_end(bytes, at);
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// The first block from `at` in which something means something.
fn plain_blocks_end(bytes: &[u8], at: usize) -> usize {
    let blocks = bytes.get(at..).unwrap_or_default().chunks_exact(BLOCK);
    // Without a branch for each byte, so that many are compared at once.
    let is_plain = |block: &&[u8]| !block.iter().fold(false, |any, byte| any | is_special(byte));
    at + BLOCK * blocks.take_while(is_plain).count()
}

fn is_special(byte: &u8) -> bool {
    (*byte == b'"') | (*byte == b'\\') | (*byte < 0x20)
}

/// The upper bit of the lowest byte that is a quote, a backslash or a control character is set, and none below it.
fn special(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let less_than = |word: u64, than: u64| word.wrapping_sub(ONES * than) & !word;
    let is = |byte: u8| less_than(word ^ (ONES * u64::from(byte)), 1);
    (is(b'"') | is(b'\\') | less_than(word, 0x20)) & (ONES << 7)
}

/// Where the number ends that begins at `at`.
pub(super) fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let digits = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        at + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let some_digits = |at: usize| Some(digits(at)).filter(|end| *end > at);
    at += usize::from(bytes.get(at) == Some(&b'-'));
    at = match bytes.get(at)? {
        b'0' => at + 1,
        _ => some_digits(at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let is_signed = matches!(bytes.get(at + 1), Some(b'+' | b'-'));
        at = some_digits(at + 1 + usize::from(is_signed))?;
    }
    Some(at)
}
