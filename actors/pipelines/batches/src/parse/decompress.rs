//! Unpacks objects. The magic number has the last word on whether there is anything to unpack.

use crate::domain::Reason;
use flate2::bufread::MultiGzDecoder;
use millrace_engine::Fault;
use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, Read},
};

/// First bytes of a zstd frame.
const FRAME_MAGIC: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// First bytes of a skippable frame, after one byte of which only the upper half is fixed.
const SKIPPABLE_MAGIC: [u8; 3] = [0x2A, 0x4D, 0x18];

/// First bytes of a gzip member.
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// The largest window a frame may ask for: 2^27 bytes, what the `zstd` tool itself accepts.
///
/// The window is address space, not memory: pages become resident only as output is written to
/// them, so what is resident stays within the cap on output whatever a header claims.
const MAX_WINDOW_LOG: u32 = 27;

/// How much is unpacked between two looks at the cap.
const CHUNK: usize = 128 << 10;

/// The JSON of an object, unpacked where it is packed.
///
/// # Errors
/// `decompression_failed` for what is truncated, corrupt or claims to be packed but is neither
/// packed nor JSON; `decompressed_too_large` beyond `max_bytes`. All are the object's own fault.
pub(super) fn unpack(body: &[u8], claims_zstd: bool, max_bytes: usize) -> Result<Cow<'_, [u8]>, Fault> {
    if is_packed(body) {
        return decompress(body, max_bytes).map(Cow::Owned);
    }
    if claims_zstd && !looks_like_json(body) {
        let first = &body[..body.len().min(4)];
        let detail =
            format!("claims zstd, but starts with {first:02x?}, neither a zstd frame, gzip nor JSON");
        return Err(Fault::poison(Reason::DecompressionFailed, detail));
    }
    if body.len() > max_bytes {
        let detail = format!("{} bytes of plain JSON, at most {max_bytes} are read", body.len());
        return Err(Fault::poison(Reason::DecompressedTooLarge, detail));
    }
    Ok(body.into())
}

/// How many bytes [`unpack`] will make of this body, at most `max_bytes`: so that they can be reserved first.
pub(super) fn unpacked_size(body: &[u8], max_bytes: usize) -> u64 {
    let max_bytes = max_bytes as u64;
    if !is_packed(body) {
        return body.len() as u64;
    }
    let size = declared_size(body).unwrap_or_else(|| counted_size(body, max_bytes));
    size.min(max_bytes)
}

/// The sum of what the frames say of themselves, if all of them do.
fn declared_size(body: &[u8]) -> Option<u64> {
    // What gzip says of itself is modulo 2^32, and of its last member alone.
    if is_gzip(body) {
        return None;
    }
    let (mut rest, mut sum) = (body, 0_u64);
    while !rest.is_empty() {
        let size = zstd::zstd_safe::get_frame_content_size(rest).ok()??;
        sum = sum.saturating_add(size);
        let length = zstd::zstd_safe::find_frame_compressed_size(rest).ok()?;
        rest = rest.get(length..)?;
    }
    Some(sum)
}

/// Unpacks into nothing to learn how much there is: slower than to be told, but nothing is kept.
/// What is broken is so large as it comes before the break.
fn counted_size(body: &[u8], max_bytes: u64) -> u64 {
    let Ok(mut frames) = unpacking(body) else {
        return 0;
    };
    let mut chunk = vec![0; CHUNK];
    let mut sum = 0;
    while sum < max_bytes
        && let Ok(read @ 1..) = frames.read(&mut chunk)
    {
        sum += read as u64;
    }
    sum
}

/// The text after a byte order mark.
pub(super) fn without_bom(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// The text before the NULs with which some writers fill a block up.
pub(super) fn without_padding(body: &[u8]) -> &[u8] {
    let length = body
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    &body[..length]
}

pub(super) fn is_packed(body: &[u8]) -> bool {
    is_zstd(body) || is_gzip(body)
}

fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&GZIP_MAGIC)
}

/// What comes out of a packed body. What stands before a store may pack what is packed already, so within gzip
/// there may be zstd.
fn unpacking(body: &[u8]) -> io::Result<Box<dyn Read + '_>> {
    if !is_gzip(body) {
        return Ok(Box::new(frames(body)?));
    }
    let mut content = BufReader::with_capacity(CHUNK, MultiGzDecoder::new(body));
    match is_zstd(content.fill_buf()?) {
        true => Ok(Box::new(frames(content)?)),
        false => Ok(Box::new(content)),
    }
}

fn frames<'a, R: BufRead + 'a>(body: R) -> io::Result<zstd::stream::read::Decoder<'a, R>> {
    let mut frames = zstd::stream::read::Decoder::with_buffer(body)?;
    frames.window_log_max(MAX_WINDOW_LOG)?;
    Ok(frames)
}

fn is_zstd(body: &[u8]) -> bool {
    let skippable = |magic: &[u8]| magic[0] & 0xF0 == 0x50 && magic[1..] == SKIPPABLE_MAGIC;
    body.starts_with(&FRAME_MAGIC) || body.get(..4).is_some_and(skippable)
}

fn looks_like_json(body: &[u8]) -> bool {
    let text = without_bom(body).trim_ascii_start();
    matches!(text.first(), Some(b'[' | b'{'))
}

fn decompress(body: &[u8], max_bytes: usize) -> Result<Vec<u8>, Fault> {
    at_once(body, max_bytes).map_or_else(|| piece_by_piece(body, max_bytes), Ok)
}

/// What says how large it is needs no buffers but the one that it is for. None where it does not, or lies.
fn at_once(body: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    let size = usize::try_from(declared_size(body)?).ok()?;
    if size > max_bytes {
        return None;
    }
    let json = zstd::bulk::decompress(body, size).ok()?;
    (json.len() == size).then_some(json)
}

fn piece_by_piece(body: &[u8], max_bytes: usize) -> Result<Vec<u8>, Fault> {
    let kind = if is_gzip(body) { "gzip" } else { "zstd" };
    let failed = |error: io::Error| {
        let detail = format!("{kind} of {} bytes: {error}", body.len());
        Fault::poison(Reason::DecompressionFailed, detail)
    };
    let mut frames = unpacking(body).map_err(failed)?;
    let mut json = Vec::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = frames.read(&mut chunk).map_err(failed)?;
        if read == 0 {
            return Ok(json);
        }
        if json.len() + read > max_bytes {
            let detail = format!("{} bytes of {kind} unpack to more than {max_bytes}", body.len());
            return Err(Fault::poison(Reason::DecompressedTooLarge, detail));
        }
        make_room(&mut json, read, max_bytes);
        json.extend_from_slice(&chunk[..read]);
    }
}

/// Doubles the stage, but never beyond the cap: a bomb must not cost more than an honest object.
fn make_room(json: &mut Vec<u8>, read: usize, max_bytes: usize) {
    if json.capacity() - json.len() < read {
        let wanted = (json.len() * 2).max(json.len() + read).min(max_bytes);
        json.reserve_exact(wanted - json.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const JSON: &[u8] = b"[{\"meta\":{\"id\":\"1\"}}]";

    fn packed(json: &[u8]) -> Vec<u8> {
        zstd::encode_all(json, 3).unwrap()
    }

    fn skippable(content: &[u8]) -> Vec<u8> {
        let mut frame = vec![0x5A, 0x2A, 0x4D, 0x18];
        frame.extend((content.len() as u32).to_le_bytes());
        frame.extend(content);
        frame
    }

    fn reason(outcome: Result<Cow<'_, [u8]>, Fault>) -> &'static str {
        match outcome {
            Err(Fault::Poison { reason, .. }) => reason,
            other => panic!("expected poison, got {other:?}"),
        }
    }

    #[test]
    fn the_size_is_known_before_anything_is_unpacked() {
        let json = JSON.repeat(1_000);
        let told = zstd::bulk::compress(&json, 3).unwrap();
        let untold = packed(&json);
        assert_eq!(declared_size(&untold), None, "a stream does not know its end");
        let size = json.len() as u64;
        for body in [
            &told,
            &untold,
            &[skippable(b"x"), told.clone(), untold.clone()].concat(),
        ] {
            let frames = if body.len() > told.len() + untold.len() {
                2
            } else {
                1
            };
            assert_eq!(unpacked_size(body, usize::MAX), size * frames);
            assert!(unpacked_size(body, 100) <= 100);
        }
        assert_eq!(declared_size(&told), Some(size));
        assert_eq!(unpacked_size(&json, usize::MAX), size);
        assert_eq!(
            unpacked_size(&told[..told.len() / 2], usize::MAX),
            0,
            "broken in its first block"
        );
    }

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_is_read_in_several_members_and_around_zstd() {
        let (head, tail) = JSON.split_at(7);
        for body in [
            gzipped(JSON),
            [gzipped(head), gzipped(tail)].concat(),
            gzipped(&packed(JSON)),
        ] {
            for claims in [true, false] {
                assert_eq!(&*unpack(&body, claims, 1_000).unwrap(), JSON);
            }
            assert_eq!(unpacked_size(&body, usize::MAX), JSON.len() as u64);
        }
    }

    #[test]
    fn broken_gzip_is_decompression_failed_and_a_bomb_of_it_stops_at_the_cap() {
        let whole = gzipped(&JSON.repeat(100));
        for length in 2..whole.len() {
            assert_eq!(
                reason(unpack(&whole[..length], false, 10_000)),
                "decompression_failed",
                "{length}"
            );
        }
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0xFF;
        assert_eq!(reason(unpack(&flipped, false, 10_000)), "decompression_failed");
        let blanks = vec![b' '; 50 << 20];
        for bomb in [
            gzipped(&blanks),
            gzipped(&gzipped(&blanks)),
            gzipped(&packed(&blanks)),
        ] {
            assert!(bomb.len() < 100_000);
            let found = unpack(&bomb, false, 1 << 20);
            // What is packed twice in the same way is no JSON, and its own size is small.
            assert!(found.is_ok() || reason(found) == "decompressed_too_large");
        }
        assert_eq!(
            reason(unpack(&gzipped(&blanks), false, 1 << 20)),
            "decompressed_too_large"
        );
        assert_eq!(
            reason(unpack(&gzipped(&packed(&blanks)), false, 1 << 20)),
            "decompressed_too_large"
        );
        assert_eq!(unpacked_size(&gzipped(&blanks), 1 << 20), 1 << 20);
    }

    #[test]
    fn the_magic_number_has_the_last_word() {
        let zst = packed(JSON);
        for claims in [true, false] {
            assert_eq!(&*unpack(&zst, claims, 1_000).unwrap(), JSON);
            assert_eq!(&*unpack(JSON, claims, 1_000).unwrap(), JSON);
        }
    }

    #[test]
    fn what_claims_zstd_and_is_neither_is_refused() {
        assert_eq!(reason(unpack(b"hello", true, 1_000)), "decompression_failed");
        assert_eq!(reason(unpack(b"", true, 1_000)), "decompression_failed");
        assert!(
            unpack(b"hello", false, 1_000).is_ok(),
            "the JSON parser refuses it"
        );
        assert!(unpack(b"\xEF\xBB\xBF \n[]", true, 1_000).is_ok());
    }

    #[test]
    fn several_frames_and_skippable_frames_are_read() {
        let (head, tail) = JSON.split_at(7);
        let body = [
            skippable(b"hi"),
            packed(head),
            skippable(b""),
            packed(tail),
            skippable(b"end"),
        ]
        .concat();
        assert_eq!(&*unpack(&body, false, 1_000).unwrap(), JSON);
        assert_eq!(&*unpack(&skippable(b"only"), false, 1_000).unwrap(), b"");
    }

    #[test]
    fn frames_without_a_content_size_are_read() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(JSON).unwrap();
        let body = encoder.finish().unwrap();
        assert_eq!(&*unpack(&body, true, 1_000).unwrap(), JSON);
    }

    #[test]
    fn what_says_its_size_is_unpacked_at_once_and_the_same() {
        let json = JSON.repeat(10_000);
        let told = zstd::bulk::compress(&json, 3).unwrap();
        for body in [
            told.clone(),
            [skippable(b"x"), told.clone(), told.clone()].concat(),
        ] {
            let unpacked = piece_by_piece(&body, usize::MAX).unwrap();
            assert_eq!(at_once(&body, unpacked.len() - 1), None);
            assert_eq!(at_once(&body[..body.len() - 1], usize::MAX), None, "cut");
            assert_eq!(at_once(&body, usize::MAX), Some(unpacked));
        }
        assert_eq!(at_once(&packed(&json), usize::MAX), None, "it does not say");
    }

    #[test]
    fn truncated_or_corrupt_zstd_is_decompression_failed() {
        let zst = packed(&JSON.repeat(100));
        for length in 4..zst.len() {
            assert_eq!(
                reason(unpack(&zst[..length], true, 10_000)),
                "decompression_failed",
                "{length}"
            );
        }
        let trailing = [&zst[..], b"garbage"].concat();
        assert_eq!(reason(unpack(&trailing, true, 10_000)), "decompression_failed");
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let bomb = packed(&vec![b' '; 50 << 20]);
        assert!(bomb.len() < 10_000);
        assert_eq!(reason(unpack(&bomb, true, 1 << 20)), "decompressed_too_large");
        assert_eq!(unpack(&bomb, true, 50 << 20).unwrap().len(), 50 << 20);
        for honest in [&packed(JSON), JSON] {
            assert_eq!(&*unpack(honest, true, JSON.len()).unwrap(), JSON);
            assert_eq!(
                reason(unpack(honest, true, JSON.len() - 1)),
                "decompressed_too_large"
            );
        }
        let mut room = Vec::with_capacity(10);
        make_room(&mut room, 20, 25);
        assert!(room.capacity() <= 25);
    }

    #[test]
    fn a_window_beyond_the_limit_is_refused() {
        // Frame header without single segment, window descriptor for 2^31 bytes, one empty raw last block.
        let body = [&FRAME_MAGIC[..], &[0x00, (31 - 10) << 3, 0x01, 0x00, 0x00]].concat();
        assert_eq!(reason(unpack(&body, true, 1_000)), "decompression_failed");
        let fine = [&FRAME_MAGIC[..], &[0x00, (27 - 10) << 3, 0x01, 0x00, 0x00]].concat();
        assert_eq!(unpack(&fine, true, 1_000).unwrap().len(), 0);
    }
}
