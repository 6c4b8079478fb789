//! The reasons that keep it from starting: each one clear sentence, and a failing exit code.

use std::net::TcpListener;

use crate::process::{Process, refused};

/// The one sentence with which it refuses to start.
async fn sentence(arguments: &[&str]) -> String {
    let output = refused(arguments).await;
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let sentence = errors.trim_end().strip_prefix("error: ");
    let sentence = sentence.unwrap_or_else(|| panic!("not a sentence: {errors}"));
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    assert!(!sentence.contains("panicked"), "{sentence}");
    sentence.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_eq!(
        sentence(&["--ephemeral", "--port", &port]).await,
        format!("port {port} is in use; choose another with --port")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let template = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let broken = template("broken.yaml", "Resources: [Api\n  Type: }");
    let told = sentence(&["--ephemeral", "--port", "0", "--template", &broken]).await;
    assert!(
        told.starts_with("the template is not valid YAML: "),
        "{told}"
    );
    let text = template("text.yaml", "hello");
    let told = sentence(&["--ephemeral", "--port", "0", "--template", &text]).await;
    assert_eq!(told, "the template must be a mapping");
    let folder = folder.path().to_str().unwrap();
    let told = sentence(&["--ephemeral", "--port", "0", "--template", folder]).await;
    assert!(
        told.starts_with(&format!("cannot read {folder}: ")),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_the_template_does_not_have_is_named_with_those_that_it_has() {
    let told = sentence(&["--ephemeral", "--port", "0", "--param", "Nope=1"]).await;
    assert!(
        told.starts_with("the template has no parameter Nope; it has AdminEmails, "),
        "{told}"
    );
    let told = sentence(&["--ephemeral", "--port", "0", "--param", "UnknownHours=soon"]).await;
    assert_eq!(told, "the parameter UnknownHours must be a number");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_does_not_start_is_named_with_what_it_said() {
    for quiet in [&[][..], &["--quiet"]] {
        // A pattern cannot tell which host names are possible.
        let setting = "AdminEmails=ada@-.org";
        let arguments = ["--ephemeral", "--port", "0", "--param", setting];
        let told = sentence(&[&arguments, quiet].concat()).await;
        assert!(told.starts_with("the function "), "{told}");
        assert!(
            told.contains("does not start: Runtime exited with error: exit status 1: ")
                && told.contains(
                    "ADMIN_EMAILS must be e-mail addresses between commas, not \"ada@-.org\""
                ),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Process::on(folder.path(), &[]).await;
    let path = folder.path().to_str().unwrap();
    assert_eq!(
        sentence(&["--data", path, "--port", "0"]).await,
        format!("the data folder {path} is in use by another local cloud")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_or_folder_that_cannot_be_written_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let file = file.path().to_str().unwrap();
    let below = format!("{file}/below");
    for data in [file, &below] {
        let told = sentence(&["--data", data, "--port", "0"]).await;
        assert!(
            told.starts_with(&format!("cannot use the data folder {data}: ")),
            "{told}"
        );
    }
    let ready_file = ["--ephemeral", "--port", "0", "--ready-file", &below];
    assert_eq!(
        sentence(&ready_file).await,
        format!("cannot write {below}: {file} is not a folder")
    );
}
