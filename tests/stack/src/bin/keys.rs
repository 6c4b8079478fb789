//! `cargo keys`: makes the keys that sign access tokens, for a deployment.
//!
//! Owns two files and the commands that store them. Refuses to call AWS: the operator does.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use auth::keys::KeySet;
use clap::Parser;
use stack::{Error, Options};

/// Makes a new set of signing keys and prints the commands that store it on AWS.
#[derive(Parser)]
#[command(
    name = "cargo keys",
    after_help = "Example:\n  cargo keys --folder ~/velro-keys"
)]
struct Arguments {
    /// Where the files are written; it is made if it is not there.
    #[arg(long, default_value = "keys", value_name = "DIR")]
    folder: PathBuf,
    /// The template that names the stored parameters.
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
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
    let usual = || stack::workspace_root().join("template.yaml");
    let template = arguments.template.clone().unwrap_or_else(usual);
    let options = Options {
        template,
        ..Options::default()
    };
    let named = |parameter: &str, usual: &str| {
        let default = options.parameter_default(parameter)?;
        Ok(default.unwrap_or_else(|| usual.to_owned()))
    };
    let private_name = named("SigningKeysName", "/velro/signing-keys")?;
    let public_name = named("TokenPublicKeys", "/velro/token-public-keys")?;

    let folder = &arguments.folder;
    std::fs::create_dir_all(folder).map_err(|problem| cannot(folder, &problem))?;
    let private = folder.join("signing-keys.json");
    let public = folder.join("token-public-keys.json");
    for file in [&private, &public] {
        if file.exists() {
            return Err(Error::new(format!(
                "{} exists already; nothing was made",
                file.display()
            )));
        }
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let keys = KeySet::generate(i64::try_from(now).unwrap_or(i64::MAX))
        .map_err(|problem| Error::new(format!("cannot make signing keys: {problem}")))?;
    write(&private, &keys.private_json())?;
    write(&public, &keys.public_jwks_json())?;
    Ok(format!(
        "The keys are in {}. Store them, and then remove the private file:\n\n\
         aws ssm put-parameter --type SecureString --name {private_name} --value file://{}\n\
         aws ssm put-parameter --type String --name {public_name} --value file://{}\n",
        folder.display(),
        private.display(),
        public.display(),
    ))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    stack::write_privately(path, text.as_bytes()).map_err(|problem| cannot(path, &problem))
}

fn cannot(path: &Path, problem: &std::io::Error) -> Error {
    Error::new(format!("cannot write {}: {problem}", path.display()))
}
