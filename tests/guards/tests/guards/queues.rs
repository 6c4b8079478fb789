//! Every queue that a function reads loses no message, and floods nobody.

use serde_json::Value;

use crate::template::{Event, Function, functions, resources};

/// The time for which a message stays hidden, as a multiple of its function's timeout. AWS advises this one:
/// throttled deliveries need the room.
const VISIBILITY_FACTOR: u64 = 6;
/// The seconds for which API Gateway waits for a function.
const GATEWAY_S: u64 = 29;

/// A queue, and the event that gives its messages to a function.
struct Read {
    function: &'static Function,
    event: Event<'static>,
    id: &'static str,
    queue: &'static Value,
}

fn read() -> Vec<Read> {
    let mut read = Vec::new();
    for function in functions() {
        for event in function
            .events()
            .filter(|event| event.kind == "EventSourceMapping")
        {
            let id = arn_of(&event.properties["EventSourceArn"]);
            let queue = &resources()[id];
            assert_eq!(queue["Type"], "AWS::SQS::Queue", "{id}");
            read.push(Read {
                function,
                event,
                id,
                queue: &queue["Properties"],
            });
        }
    }
    assert!(!read.is_empty());
    read
}

/// The resource whose ARN a value is.
fn arn_of(value: &'static Value) -> &'static str {
    let attribute = value["Fn::GetAtt"].as_str().unwrap();
    attribute.strip_suffix(".Arn").unwrap()
}

#[test]
fn what_cannot_be_done_goes_to_a_dead_letter_queue_that_keeps_it_longer() {
    for Read { id, queue, .. } in read() {
        let redrive = &queue["RedrivePolicy"];
        assert!(redrive.is_object(), "{id} has no dead-letter queue");
        let dead = &resources()[arn_of(&redrive["deadLetterTargetArn"])];
        assert_eq!(dead["Type"], "AWS::SQS::Queue", "{id}");
        let tries = redrive["maxReceiveCount"].as_u64().unwrap();
        assert!((2..=10).contains(&tries), "{id} is tried {tries} times");
        let kept_s = |queue: &Value| queue["MessageRetentionPeriod"].as_u64().unwrap();
        assert!(kept_s(&dead["Properties"]) > kept_s(queue), "{id}");
    }
}

#[test]
fn no_queue_of_dead_letters_is_read_by_a_function() {
    let read = read();
    for Read { queue, .. } in &read {
        let dead = arn_of(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
        assert!(!read.iter().any(|other| other.id == dead), "{dead}");
    }
}

#[test]
fn one_message_that_fails_never_brings_back_the_others() {
    for Read { id, event, .. } in read() {
        let types = &event.properties["FunctionResponseTypes"];
        assert_eq!(
            types,
            &serde_json::json!(["ReportBatchItemFailures"]),
            "{id}"
        );
    }
}

#[test]
fn a_full_queue_cannot_take_every_lambda_of_the_account() {
    for Read { id, event, .. } in read() {
        let most = event.properties["ScalingConfig"]["MaximumConcurrency"].as_u64();
        let most = most.unwrap_or_else(|| panic!("{id} is read without a bound"));
        assert!((2..=50).contains(&most), "{id}: {most}");
    }
}

#[test]
fn a_message_stays_hidden_six_times_as_long_as_its_function_may_run() {
    for read in read() {
        let hidden_s = read.queue["VisibilityTimeout"].as_u64().unwrap();
        let gathered_s = read.event.properties["MaximumBatchingWindowInSeconds"].as_u64();
        let least_s = VISIBILITY_FACTOR * read.function.timeout_s() + gathered_s.unwrap_or(0);
        assert!(
            hidden_s >= least_s,
            "{} ({}): {hidden_s} s",
            read.id,
            read.event.name
        );
    }
}

#[test]
fn whoever_waits_inside_a_function_gives_up_before_the_function_does() {
    let timeout_s = |binary: &str| {
        let function = functions()
            .iter()
            .find(|function| function.binary() == binary);
        function
            .unwrap_or_else(|| panic!("no {binary}"))
            .timeout_s()
    };
    // Otherwise the function is killed before it can report the messages that failed.
    for function in functions() {
        let (name, timeout_s) = (function.binary(), function.timeout_s());
        assert!(timeout_s > aws::CALL_TIMEOUT.as_secs(), "{name}");
        let called = function.is_called_by_gateway();
        assert!(!called || timeout_s <= GATEWAY_S, "{name}");
    }
    for (binary, inner) in [
        ("accounts-register", challenges::TIMEOUT),
        ("credits-checkout", payments::TIMEOUT),
        ("jobs-submit", provider::SUBMIT_TIMEOUT),
        ("jobs-settle", provider::ASK_TIMEOUT),
        ("webhooks-fal", provider::webhook::KEYS_TIMEOUT),
    ] {
        assert!(timeout_s(binary) > inner.as_secs(), "{binary}");
    }
}

#[test]
fn every_queue_is_encrypted() {
    for (id, queue) in crate::template::resources_of("AWS::SQS::Queue") {
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], true, "{id}");
    }
}
