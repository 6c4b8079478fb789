//! `cargo keys`: makes, rotates and retires the keys that sign access tokens, for a deployment; and makes the
//! key for remembering mailboxes.
//!
//! Owns three files and the commands that store them. Refuses to call AWS: the operator does. It is a package
//! of its own, so that operators build neither the local cloud nor its video encoder.

mod template;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::keys::KeySet;
use auth::mailboxes::MailboxKey;
use clap::{Parser, ValueEnum};
use tempfile::NamedTempFile;

use crate::template::Template;

const EXAMPLES: &str = "\
A rotation signs nobody out: rotate, store and deploy as it says; a day later retire, store and deploy.

Examples:
  cargo keys --folder ~/velro-keys          the first keys of a deployment
  cargo keys rotate --folder ~/velro-keys   a new key signs, the one before goes on verifying
  cargo keys retire --folder ~/velro-keys   only the key that signs is left";

/// Makes, rotates and retires signing keys, and prints the commands that store them on AWS.
#[derive(Parser)]
#[command(name = "cargo keys", after_help = EXAMPLES)]
struct Arguments {
    /// The action.
    #[arg(value_enum, default_value_t = Action::Make)]
    action: Action,
    /// The folder of the files; it is created if it does not exist.
    #[arg(long, default_value = "keys", value_name = "DIR")]
    folder: PathBuf,
    /// The template that names the stored parameters.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Action {
    /// Make the first keys of a deployment.
    Make,
    /// Add a key that signs from now on; the one before it goes on verifying.
    Rotate,
    /// Drop the key before the one that signs.
    Retire,
}

/// The reason, in one clear sentence, why there are no new keys.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Error(String);

/// The files, and the parameters that hold them on AWS.
struct Places {
    private: PathBuf,
    private_name: String,
    public: PathBuf,
    public_name: String,
    mailboxes: PathBuf,
    mailboxes_name: String,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(commands) => {
            // Standard output may be closed; the files are there all the same.
            let _ = std::io::stdout().write_all(commands.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<String, Error> {
    let places = places(arguments)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let keys = match arguments.action {
        Action::Make => {
            make_room(&arguments.folder, &places)?;
            KeySet::generate(now)
        }
        Action::Rotate => read(&places)?.rotate(now),
        Action::Retire => Ok(read(&places)?.retire()),
    };
    let keys = keys.map_err(|problem| Error(format!("cannot make signing keys: {problem}")))?;
    write(&places.private, &keys.private_json())?;
    write(&places.public, &keys.public_jwks_json())?;
    if let Action::Make = arguments.action {
        let key = MailboxKey::generate()
            .map_err(|problem| Error(format!("cannot make the key of mailboxes: {problem}")))?;
        write(&places.mailboxes, &key)?;
    }
    Ok(next_steps(arguments.action, &arguments.folder, &places))
}

fn places(arguments: &Arguments) -> Result<Places, Error> {
    let template = match &arguments.template {
        Some(file) => Template::read(file)?,
        None => Template::read(&workspace_root().join("template.yaml"))?,
    };
    Ok(Places {
        private: arguments.folder.join("signing-keys.json"),
        private_name: template.default("SigningKeysName")?,
        public: arguments.folder.join("token-public-keys.json"),
        public_name: template.default("TokenPublicKeys")?,
        mailboxes: arguments.folder.join("mailbox-key.txt"),
        mailboxes_name: template.default("MailboxKeyName")?,
    })
}

/// The root of the workspace that this was built in.
fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_owned()
}

/// Makes the folder for the first keys, and refuses to replace existing ones: they may be in use.
fn make_room(folder: &Path, places: &Places) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|problem| cannot(folder, &problem))?;
    for file in [&places.private, &places.public, &places.mailboxes] {
        if file.exists() {
            return Err(Error(format!(
                "{} exists already; nothing was made",
                file.display()
            )));
        }
    }
    Ok(())
}

fn read(places: &Places) -> Result<KeySet, Error> {
    let (file, name) = (places.private.display(), &places.private_name);
    let text = std::fs::read_to_string(&places.private).map_err(|problem| {
        Error(format!(
            "cannot read {file}: {problem}. Fetch the keys that are in use:\n\
             aws ssm get-parameter --with-decryption --name {name} --query Parameter.Value --output text > {file}"
        ))
    })?;
    KeySet::from_private_json(text.trim())
        .map_err(|problem| Error(format!("cannot use {file}: {problem}")))
}

/// Lists the next commands in their order: a verifying key must be in place before its signing key, and must
/// be removed only after it.
fn next_steps(action: Action, folder: &Path, places: &Places) -> String {
    let put = |kind: &str, name: &str, file: &Path| {
        let file = file.display();
        format!(
            "aws ssm put-parameter --overwrite --type {kind} --name {name} --value file://{file}\n"
        )
    };
    let private = put("SecureString", &places.private_name, &places.private);
    let public = put("String", &places.public_name, &places.public);
    // Without `--overwrite`: with another key, no known mailbox would be recognised.
    let mailboxes = format!(
        "aws ssm put-parameter --type SecureString --name {} --value file://{}\n",
        places.mailboxes_name,
        places.mailboxes.display()
    );
    // The code gets a new place each time, so that functions which are rolled out gradually are published
    // with the present keys.
    let deploy = "sam build && sam deploy --s3-prefix \"velro/$(date +%s)\"\n";
    let (what, steps) = match action {
        Action::Make => ("Store them", format!("{private}{public}{mailboxes}")),
        Action::Rotate => (
            "Store and deploy what verifies first, then store what signs",
            format!("{public}{deploy}{private}"),
        ),
        Action::Retire => (
            "A day after the rotation, store what signs, then store and deploy what verifies",
            format!("{private}{public}{deploy}"),
        ),
    };
    let folder = folder.display();
    format!("The keys are in {folder}. {what}, and then remove the private files:\n\n{steps}")
}

/// Writes a file that only its owner may read, in one step.
fn write(path: &Path, text: &str) -> Result<(), Error> {
    let beside = path.parent().unwrap_or(Path::new("."));
    NamedTempFile::new_in(beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|problem| problem.error)
        })
        .map(drop)
        .map_err(|problem| cannot(path, &problem))
}

fn cannot(path: &Path, problem: &std::io::Error) -> Error {
    Error(format!("cannot write {}: {problem}", path.display()))
}
