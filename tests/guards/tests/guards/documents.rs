//! README and RUNBOOKS: whoever copies their commands in order gets to the end.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::template::{document, resources_of};
use crate::workspace;

/// The commands with which README deploys.
fn deployment() -> Vec<String> {
    let readme = workspace::text("README.md");
    let (_, section) = readme.split_once("\n## Deploy\n").unwrap();
    let (_, block) = section.split_once("```sh\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    block.lines().map(str::to_owned).collect()
}

#[test]
fn four_commands_deploy_and_the_first_installs_what_the_others_need() {
    let commands = deployment();
    let [tools, keys, build, deploy] = commands.as_slice() else {
        panic!("not four commands: {commands:#?}");
    };
    for tool in ["aws-sam-cli>=", "cargo-lambda", "ziglang"] {
        assert!(tools.contains(tool), "{tools}");
    }
    assert!(keys.starts_with("cargo keys "), "{keys}");
    // `cargo lambda` builds all functions with all cores; SAM would build one after the other.
    let builds = "cargo lambda build --release --arm64 && sam build";
    assert!(build.starts_with(builds), "{build}");
    assert!(deploy.starts_with("sam deploy "), "{deploy}");
}

#[test]
fn the_first_deployment_is_told_what_has_no_default() {
    let parameters = document()["Parameters"].as_object().unwrap().iter();
    let needed = parameters.filter(|(_, parameter)| parameter["Default"].is_null());
    let needed: Vec<&String> = needed.map(|(name, _)| name).collect();
    // A sender that somebody else owns would be a bad default.
    assert_eq!(needed, ["MailSender"]);
    let deploy = deployment().pop().unwrap();
    assert!(deploy.contains(" MailSender="), "{deploy}");
}

#[test]
fn nothing_is_deployed_that_was_not_built_before() {
    // `sam deploy` alone would upload the sources as the code of every function.
    let command = Regex::new("sam deploy -").unwrap();
    for name in ["README.md", "RUNBOOKS.md"] {
        let text = workspace::text(name);
        assert!(command.is_match(&text), "{name} deploys nothing");
        for deploy in command.find_iter(&text) {
            // The same piece of code, within a sentence or a block.
            let before = text[..deploy.start()].rsplit('`').next().unwrap();
            assert!(before.contains("sam build"), "{name}: {before}sam deploy");
        }
    }
}

#[test]
fn an_operator_learns_the_addresses_of_what_was_deployed() {
    let outputs = document()["Outputs"].as_object().unwrap();
    let values: BTreeSet<String> = outputs.values().map(|it| it["Value"].to_string()).collect();
    let buckets = resources_of("AWS::S3::Bucket").map(|(id, _)| id.as_str());
    for named in buckets.chain(["Alarms", "FunctionsLog", "JobsReconcile"]) {
        let value = json!({ "Ref": named }).to_string();
        assert!(values.contains(&value), "no output is {named}");
    }
    assert!(outputs.contains_key("AlarmsTopic"), "README names it");
    // In China, addresses end otherwise.
    let url: &Value = &outputs["ApiUrl"]["Value"];
    assert!(url.to_string().contains("${AWS::URLSuffix}"), "{url}");
}
