//! Who a node is to the gateway: an Ed25519 key, derived from one seed and the node's id. So there
//! is one small file to keep, every node stays the same when it moves, and pairing a node anew
//! does not make it another one.

use crate::protocol::gateway::{Challenge, ClientInfo, Device, Role};
use crate::protocol::hash::{from_hex, sha256, to_hex};
use crate::{files, random};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use ring::hkdf::{KeyType, Salt, HKDF_SHA256};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

const SEED_BYTES: usize = 32;
const SALT: &[u8] = b"openclaw-bridge gateway identity 1";

/// What every identity is derived from. As secret as a private key.
#[derive(Clone)]
pub(crate) struct Seed([u8; SEED_BYTES]);

impl Seed {
    /// Reads the file, or makes it. The seed is on disk when this returns. A damaged file is an
    /// error and stays as it is: with another seed, every node would have to be approved again.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match files::read_text(path, 1024) {
            Ok(text) => from_hex(text.trim_ascii_end()).map(Self).ok_or_else(|| {
                let why =
                    "it is not 64 hexadecimal digits; restore it, or remove it and have every \
                           node approved again by the gateway";
                io::Error::new(ErrorKind::InvalidData, why)
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(error),
        }
    }

    fn make(path: &Path) -> io::Result<Self> {
        let seed = random::bytes();
        files::create_private_dir(files::dir_of(path))?;
        files::write_atomically(path, (to_hex(&seed) + "\n").as_bytes())?;
        Ok(Self(seed))
    }

    /// The identity of the node with this id.
    pub(crate) fn node(&self, id: &str) -> Option<Identity> {
        self.derive(&[b"node:", id.as_bytes()])
    }

    /// The identity of the bridge itself.
    pub(crate) fn operator(&self) -> Option<Identity> {
        self.derive(&[b"operator"])
    }

    fn derive(&self, info: &[&[u8]]) -> Option<Identity> {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                SEED_BYTES
            }
        }
        let mut key = [0; SEED_BYTES];
        let secret = Salt::new(HKDF_SHA256, SALT).extract(&self.0);
        secret.expand(info, Length).ok()?.fill(&mut key).ok()?;
        Ed25519KeyPair::from_seed_unchecked(&key).ok().map(Identity::new)
    }
}

/// A key pair, and the name under which the gateway knows it.
pub(crate) struct Identity {
    id: String,
    keys: Ed25519KeyPair,
}

impl Identity {
    fn new(keys: Ed25519KeyPair) -> Self {
        Self { id: to_hex(&sha256(keys.public_key().as_ref())), keys }
    }

    /// The gateway's id of the node.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The proof for this challenge. What it signs has to be what is sent along.
    pub(super) fn sign(
        &self,
        challenge: &Challenge,
        client: &ClientInfo,
        (role, scopes): (Role, &[&str]),
        token: Option<&str>,
    ) -> Device {
        let signed = [
            "v3",
            &self.id,
            client.id,
            client.mode,
            role.as_str(),
            &scopes.join(","),
            &challenge.ts.to_string(),
            token.unwrap_or_default(),
            &challenge.nonce,
            &client.platform.to_ascii_lowercase(),
            &client.device_family.as_deref().unwrap_or_default().to_ascii_lowercase(),
        ]
        .join("|");
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Device {
            id: self.id.clone(),
            public_key: encode(self.keys.public_key().as_ref()),
            signature: encode(self.keys.sign(signed.as_bytes()).as_ref()),
            signed_at: challenge.ts,
            nonce: challenge.nonce.clone(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::gateway::CLIENT_NODE;
    use ring::signature::{UnparsedPublicKey, ED25519};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn identities_survive_a_restart_and_differ_from_node_to_node() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("openclaw").join("seed");
        let seed = Seed::open(&path).unwrap();
        let again = Seed::open(&path).unwrap();
        let id = |seed: &Seed, node| seed.node(node).unwrap().id().to_owned();
        assert_eq!(id(&seed, "phone"), id(&again, "phone"));
        assert_ne!(id(&seed, "phone"), id(&seed, "phone2"));
        assert_ne!(id(&seed, "x"), seed.operator().unwrap().id());
        assert_eq!(id(&seed, "phone").len(), 64);
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn derived_identities_never_change_with_the_program() {
        let seed = Seed([7; SEED_BYTES]);
        let id = seed.node("ios-node-1").unwrap().id().to_owned();
        assert_eq!(id, "62e92f4d7e250569b01df23f3bee54c2582a689aaa4d3d5b4a24e34f96ced5dc");
    }

    #[test]
    fn a_damaged_seed_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("seed");
        for damaged in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            std::fs::write(&path, damaged).unwrap();
            assert!(Seed::open(&path).is_err(), "{damaged}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn the_signature_covers_what_is_sent() {
        let identity = Seed([1; SEED_BYTES]).node("a").unwrap();
        let client = ClientInfo {
            id: CLIENT_NODE.0,
            version: "1".into(),
            platform: "iOS".into(),
            mode: CLIENT_NODE.1,
            display_name: None,
            device_family: Some("iPhone".into()),
            model_identifier: None,
        };
        let challenge = Challenge { nonce: "n0".into(), ts: 12 };
        let device = identity.sign(&challenge, &client, (Role::Node, &[]), Some("t"));
        let signed = format!("v3|{}|node-host|node|node||12|t|n0|ios|iphone", identity.id());
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let key = UnparsedPublicKey::new(&ED25519, decode(&device.public_key));
        key.verify(signed.as_bytes(), &decode(&device.signature)).unwrap();
        assert_eq!((device.signed_at, &*device.nonce), (12, "n0"));
    }
}
