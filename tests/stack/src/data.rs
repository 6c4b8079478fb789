//! The folder of a local cloud's state.
//!
//! Owns its lock, the ports that stored URLs depend on, and the signing keys. Refuses to know the
//! state of the services, which keep their own files in it.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use auth::keys::KeySet;
use auth::mailboxes::MailboxKey;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Error;

/// The first candidates for the ports of the gateway, the AWS services and the stand-ins. All are below the
/// ports that Linux (from 32,768) and macOS (from 49,152) give to a program that asks for any port.
const LASTING_PORTS: [u16; 4] = [20_000, 23_000, 26_000, 29_000];
const LASTING_PORTS_COUNT: u16 = 3_000;

/// The folder; without one, nothing is kept.
pub struct Data {
    folder: Option<Folder>,
}

struct Folder {
    path: PathBuf,
    /// The lock ends with the process, even if it is killed.
    _lock: File,
}

/// The ports of the last run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Ports {
    /// The gateway's port.
    pub gateway: u16,
    /// The AWS services' port.
    pub aws: u16,
    /// The port of the provider's stand-in.
    pub fal: u16,
    /// The port of Stripe's stand-in.
    #[serde(default)]
    pub stripe: u16,
}

/// The keys that sign access tokens.
#[derive(Serialize, Deserialize)]
pub struct Keys {
    /// The private set, as JSON text.
    pub private: String,
    /// The public set, as JSON text.
    pub public: String,
}

impl Data {
    /// Opens the folder, and creates it if necessary.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self { folder: None });
        };
        let shown = path.display();
        let cannot = |problem| Error::new(format!("cannot use the data folder {shown}: {problem}"));
        fs::create_dir_all(path).map_err(cannot)?;
        let lock = File::create(path.join("lock")).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(format!(
                    "the data folder {shown} is in use by another local cloud"
                )));
            }
            Err(TryLockError::Error(problem)) => return Err(cannot(problem)),
        }
        let path = path.to_owned();
        Ok(Self {
            folder: Some(Folder { path, _lock: lock }),
        })
    }

    /// A folder inside, for a service's own files.
    pub fn below(&self, name: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.path.join(name))
    }

    /// The ports of the last run that are free, and other free ports in place of the rest. When nothing is
    /// kept, zero: any port will do.
    pub fn ports(&self) -> Ports {
        if self.folder.is_none() {
            return Ports::default();
        }
        let ports: Ports = self.read("ports.json").unwrap_or_default();
        let [gateway, aws, fal, stripe] = LASTING_PORTS;
        let free = |port, others| match is_free(port) {
            true => port,
            false => lasting_port(others),
        };
        Ports {
            gateway: free(ports.gateway, gateway),
            aws: free(ports.aws, aws),
            fal: free(ports.fal, fal),
            stripe: free(ports.stripe, stripe),
        }
    }

    /// Keeps the ports for the next run.
    pub fn keep_ports(&self, ports: Ports) -> Result<(), Error> {
        self.write("ports.json", &ports)
    }

    /// Keeps the file that `sam local invoke --env-vars` reads.
    pub fn keep_variables(&self, variables: &impl Serialize) -> Result<(), Error> {
        self.write("sam-local.json", variables)
    }

    /// The signing keys, made once.
    pub fn keys(&self) -> Result<Keys, Error> {
        if let Some(keys) = self.read("keys.json") {
            return Ok(keys);
        }
        let set = KeySet::generate(OffsetDateTime::now_utc().unix_timestamp())
            .map_err(|problem| Error::new(format!("cannot make signing keys: {problem}")))?;
        let keys = Keys {
            private: set.private_json().to_string(),
            public: set.public_jwks_json(),
        };
        self.write("keys.json", &keys)?;
        Ok(keys)
    }

    /// The key for remembering mailboxes, made once.
    pub fn mailbox_key(&self) -> Result<String, Error> {
        if let Some(key) = self.read("mailbox-key.json") {
            return Ok(key);
        }
        let key = MailboxKey::generate()
            .map_err(|problem| Error::new(format!("cannot make the key of mailboxes: {problem}")))?
            .to_string();
        self.write("mailbox-key.json", &key)?;
        Ok(key)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.below(name)?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Writes a file. It is written beside and renamed, so that a crash leaves the old file or the new one.
    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), Error> {
        let Some(path) = self.below(name) else {
            return Ok(());
        };
        let text = serde_json::to_vec_pretty(value).unwrap_or_default();
        write_privately(&path, &text)
            .map_err(|problem| Error::new(format!("cannot write {}: {problem}", path.display())))
    }
}

/// Writes a file that only its owner may read, in one step.
pub fn write_privately(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

/// Finds a free port that is likely to be free at the next start too: it is not among those that the system
/// gives to a program that asks for any. Returns zero if there is none.
fn lasting_port(first: u16) -> u16 {
    let [high, low, ..] = Uuid::new_v4().into_bytes();
    let random = u16::from_be_bytes([high, low]) % LASTING_PORTS_COUNT;
    (0..LASTING_PORTS_COUNT)
        .map(|step| first + (random + step) % LASTING_PORTS_COUNT)
        .find(|port| is_free(*port))
        .unwrap_or_default()
}

fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_local_clouds_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = Data::open(Some(folder.path())).unwrap();
        let problem = Data::open(Some(folder.path())).err().unwrap().to_string();
        assert!(
            problem.ends_with("is in use by another local cloud"),
            "{problem}"
        );
        drop(first);
        assert!(Data::open(Some(folder.path())).is_ok());
    }

    #[test]
    fn keys_are_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(Some(folder.path())).unwrap();
        let first = data.keys().unwrap();
        assert_eq!(first.private, data.keys().unwrap().private);
        assert_eq!(data.mailbox_key().unwrap(), data.mailbox_key().unwrap());
    }

    #[test]
    fn a_port_that_is_taken_is_not_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(Some(folder.path())).unwrap();
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        data.keep_ports(Ports {
            gateway: port,
            aws: port,
            fal: port,
            stripe: port,
        })
        .unwrap();
        assert_ne!(data.ports().aws, port);
        drop(taken);
        assert_eq!(data.ports().aws, port);
    }

    #[test]
    fn ports_that_are_kept_are_none_that_anybody_may_be_given_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let ports = Data::open(Some(folder.path())).unwrap().ports();
        for port in [ports.gateway, ports.aws, ports.fal, ports.stripe] {
            assert!((20_000..32_000).contains(&port), "{ports:?}");
        }
        assert_eq!(Data::open(None).unwrap().ports().gateway, 0);
    }
}
