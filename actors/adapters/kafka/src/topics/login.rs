//! The login on a connection of our own.

use super::{Stream, exchange, wire};
use crate::{Login, Sasl, SaslMechanism};
use ring::{digest, hmac, pbkdf2};
use secrecy::ExposeSecret;
use std::{io, num::NonZeroU32};

/// More rounds than this are no broker's, and would take seconds.
const MOST_ROUNDS: u32 = 1_000_000;

/// The two hashes of SCRAM.
struct Hash {
    hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
    digest: &'static digest::Algorithm,
}

/// Logs in.
pub(super) async fn log_in(stream: &mut dyn Stream, client: &str, sasl: &Sasl) -> io::Result<()> {
    let handshake = wire::sasl_handshake(client, sasl.mechanism.as_str());
    wire::read_sasl_handshake(&exchange(stream, handshake).await?)?;
    let login = sasl.login.last();
    let password = login.password.expose_secret();
    match sasl.mechanism {
        SaslMechanism::Plain => {
            let token = format!("\0{}\0{password}", login.username);
            step(stream, client, token.as_bytes()).await.map(drop)
        }
        SaslMechanism::OauthBearer => {
            let token = format!("n,,\x01auth=Bearer {password}\x01\x01");
            step(stream, client, token.as_bytes()).await.map(drop)
        }
        SaslMechanism::ScramSha256 => scram(stream, client, &login, &Hash::SHA_256).await,
        SaslMechanism::ScramSha512 => scram(stream, client, &login, &Hash::SHA_512).await,
    }
}

async fn step(stream: &mut dyn Stream, client: &str, token: &[u8]) -> io::Result<Vec<u8>> {
    let answer = exchange(stream, wire::sasl_authenticate(client, token)).await?;
    wire::read_sasl_authenticate(&answer)
}

/// RFC 5802. That the broker knows the password too is not checked: librdkafka does that for the connections that carry
/// records, and this one only asks for ids.
async fn scram(stream: &mut dyn Stream, client: &str, login: &Login, hash: &Hash) -> io::Result<()> {
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let user = login.username.replace('=', "=3D").replace(',', "=2C");
    let bare = format!("n={user},r={nonce}");
    let first = step(stream, client, format!("n,,{bare}").as_bytes()).await?;
    let first = String::from_utf8(first).map_err(io::Error::other)?;
    let last = answer_challenge(hash, &bare, &nonce, login.password.expose_secret(), &first)
        .ok_or_else(|| io::Error::other("the broker's challenge cannot be read"))?;
    step(stream, client, last.as_bytes()).await.map(drop)
}

/// The client's last message; none for a challenge that is none.
fn answer_challenge(hash: &Hash, bare: &str, nonce: &str, password: &str, first: &str) -> Option<String> {
    let part = |name: &str| first.split(',').find_map(|part| part.strip_prefix(name));
    let (theirs, salt, rounds) = (part("r=")?, part("s=")?, part("i=")?);
    if !theirs.starts_with(nonce) {
        return None;
    }
    let salt = decode(salt)?;
    let rounds: u32 = rounds.parse().ok()?;
    let rounds = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= MOST_ROUNDS)?;
    let mut salted = vec![0; hash.digest.output_len()];
    pbkdf2::derive(hash.pbkdf2, rounds, &salt, password.as_bytes(), &mut salted);
    let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hash.hmac, key), text);
    let client_key = sign(&salted, b"Client Key");
    let stored_key = digest::digest(hash.digest, client_key.as_ref());
    let bare_last = format!("c=biws,r={theirs}");
    let signature = sign(
        stored_key.as_ref(),
        format!("{bare},{first},{bare_last}").as_bytes(),
    );
    let both = client_key.as_ref().iter().zip(signature.as_ref());
    let proof: Vec<u8> = both.map(|(key, signature)| key ^ signature).collect();
    Some(format!("{bare_last},p={}", encode(&proof)))
}

fn encode(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).ok()
}

// === impl Hash ===

impl Hash {
    const SHA_256: Self = Self {
        hmac: hmac::HMAC_SHA256,
        pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256,
        digest: &digest::SHA256,
    };
    const SHA_512: Self = Self {
        hmac: hmac::HMAC_SHA512,
        pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512,
        digest: &digest::SHA512,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677.
    #[test]
    fn a_proof_is_as_the_standard_computes_it() {
        let nonce = "rOprNGfwEbeRWgbNEkqO";
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let last = answer_challenge(
            &Hash::SHA_256,
            &format!("n=user,r={nonce}"),
            nonce,
            "pencil",
            first,
        );
        assert_eq!(
            last.expect("a proof"),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
    }

    #[test]
    fn a_challenge_for_another_is_not_answered() {
        let first = "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            answer_challenge(&Hash::SHA_256, "n=user,r=mine", "mine", "pencil", first),
            None
        );
    }
}
