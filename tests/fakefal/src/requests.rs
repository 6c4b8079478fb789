//! The requests about an accepted job: its status, its result, its cancel.
//!
//! Owns these three answers, and the order of scripted answers: the account's mood, then the job's own
//! directives in their order, then the real answer.

use serde_json::{Value, json};

use crate::answers::{Answer, Stage};
use crate::replies::{self, NoReply, Reply, detail, error_of, json_of, with_request_id};
use crate::store::Kept;
use crate::{Error, Inner, clock, output};

/// Takes the next scripted answer at a stage of a job, if there is one.
pub(crate) fn next_answer(
    inner: &Inner,
    stage: Stage,
    job: Option<&Kept>,
) -> Result<Option<Answer>, Error> {
    if let Some(answer) = inner.mood().answer(stage) {
        return Ok(Some(answer.clone()));
    }
    match job {
        Some(job) => own_answer(inner, stage, job),
        None => Ok(None),
    }
}

/// Takes the next one from the job's own directives alone.
pub(crate) fn own_answer(inner: &Inner, stage: Stage, job: &Kept) -> Result<Option<Answer>, Error> {
    let directives = job.directives();
    let Some(answers) = directives.answers(stage) else {
        return Ok(None);
    };
    let owner = match stage {
        // The next submit makes another job, so its uses are counted by prompt.
        Stage::Submit => job.prompt(),
        Stage::Status | Stage::Result | Stage::Cancel | Stage::Media => &job.request_id,
    };
    let number = inner.store.count(owner, stage.name())?;
    Ok(answers.at(number).cloned())
}

pub(crate) async fn status(inner: &Inner, id: &str, origin: &str) -> Result<Reply, NoReply> {
    let job = inner.job(id);
    match next_answer(inner, Stage::Status, job.as_ref())? {
        None => real_status(inner, job.as_ref(), origin),
        Some(answer) => {
            let real = async { real_status(inner, job.as_ref(), origin) };
            replies::scripted(&answer, origin, real).await
        }
    }
}

fn real_status(inner: &Inner, job: Option<&Kept>, origin: &str) -> Result<Reply, NoReply> {
    let Some(job) = job else {
        return Ok(not_found());
    };
    let address = address(job, origin);
    let mut body = json!({
        "request_id": job.request_id,
        "response_url": address,
        "status_url": format!("{address}/status"),
        "cancel_url": format!("{address}/cancel"),
    });
    let state = job.state(clock::now_ms());
    if let Some(position) = scripted_position(inner, job, state)? {
        body["status"] = json!("IN_QUEUE");
        body["queue_position"] = json!(position);
        return Ok(json_of(202, &body));
    }
    body["status"] = json!(state);
    match state {
        "IN_QUEUE" => body["queue_position"] = json!(inner.store.position(&job.request_id)?),
        "COMPLETED" => {
            if let Some(word) = scripted_word(inner, job)? {
                body["status"] = json!(word);
            }
            body["logs"] = Value::Null;
            body["metrics"] = json!({ "inference_time": 1.0 });
            if let Some(kind) = &job.failure {
                body["error"] = json!(format!("the request failed: {kind}"));
                body["error_type"] = json!(kind);
            }
        }
        _ => body["logs"] = Value::Null,
    }
    // 202 while it runs, and 200 when it ended: clients tell the two apart by that.
    let status = if state == "COMPLETED" { 200 } else { 202 };
    Ok(json_of(status, &body))
}

/// The number of jobs that are ahead by the prompt's script, until there is none. A cancelled job no longer
/// waits.
fn scripted_position(inner: &Inner, job: &Kept, state: &str) -> Result<Option<u32>, Error> {
    match job.directives().position {
        Some(position) if state != "COMPLETED" || !job.is_cancelled() => {
            let looks = inner.store.count(&job.request_id, "position")?;
            Ok(position.saturating_add(1).checked_sub(looks))
        }
        Some(_) | None => Ok(None),
    }
}

/// The scripted word for the end, if there is one, in place of `COMPLETED`.
fn scripted_word(inner: &Inner, job: &Kept) -> Result<Option<String>, Error> {
    let words = job.directives().words;
    if words.is_empty() {
        return Ok(None);
    }
    let number = inner.store.count(&job.request_id, "word")?;
    Ok(words.at(number).cloned())
}

pub(crate) async fn result(inner: &Inner, id: &str, origin: &str) -> Result<Reply, NoReply> {
    let job = inner.job(id);
    match next_answer(inner, Stage::Result, job.as_ref())? {
        None => Ok(real_result(job.as_ref(), origin)),
        Some(answer) => {
            let real = async { Ok(real_result(job.as_ref(), origin)) };
            replies::scripted(&answer, origin, real).await
        }
    }
}

fn real_result(job: Option<&Kept>, origin: &str) -> Reply {
    match job {
        None => not_found(),
        Some(job) if job.state(clock::now_ms()) == "COMPLETED" => {
            let (status, body) = output::result(job, origin);
            with_request_id(error_of(status, &body), &job.request_id)
        }
        Some(_) => detail(400, "Request is still in progress"),
    }
}

/// Cancels a job. A cancel with a scripted answer changes nothing.
pub(crate) async fn cancel(inner: &Inner, id: &str, origin: &str) -> Result<Reply, NoReply> {
    let job = inner.job(id);
    match next_answer(inner, Stage::Cancel, job.as_ref())? {
        None => real_cancel(inner, job.as_ref(), true),
        Some(answer) => {
            let real = async { real_cancel(inner, job.as_ref(), false) };
            replies::scripted(&answer, origin, real).await
        }
    }
}

fn real_cancel(inner: &Inner, job: Option<&Kept>, is_meant: bool) -> Result<Reply, NoReply> {
    let Some(job) = job else {
        return Ok(not_found());
    };
    let now_ms = clock::now_ms();
    let too_late = json_of(400, &json!({ "status": "ALREADY_COMPLETED" }));
    if job.state(now_ms) == "COMPLETED" {
        return Ok(too_late);
    }
    let requested = json_of(202, &json!({ "status": "CANCELLATION_REQUESTED" }));
    if job.directives().no_cancel || !is_meant {
        return Ok(requested);
    }
    if !inner.store.cancel(&job.request_id, now_ms)? {
        return Ok(too_late);
    }
    inner.due.notify_one();
    Ok(requested)
}

/// `{origin}/{owner}/{app}/requests/{id}`: only the first two parts of the endpoint.
pub(crate) fn address(job: &Kept, origin: &str) -> String {
    let app: Vec<&str> = job.model.splitn(3, '/').take(2).collect();
    format!("{origin}/{}/requests/{}", app.join("/"), job.request_id)
}

fn not_found() -> Reply {
    json_of(404, &json!({ "status": "NOT_FOUND" }))
}
