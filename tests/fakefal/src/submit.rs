//! A submit: whether a job is accepted, when it works, and the answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde_json::json;

use crate::answers::Stage;
use crate::directives::Directives;
use crate::output::Kind;
use crate::replies::{self, NoReply, Reply, detail, json_of, with_request_id};
use crate::requests::{address, own_answer};
use crate::store::{Kept, NOT_YET_MS};
use crate::{Error, Inner, webhooks};

/// The longest time for fetching an image that a job refers to.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The duration of jobs whose prompts set none.
const PICTURE_MS: i64 = 1_000;
const VIDEO_MS: i64 = 4_000;
/// The longest time that a job is queued although there is room: a quarter of its duration, and this at most.
const QUEUED_MS_MAX: i64 = 1_000;
/// The time for which a job is queued that never ends.
const LOST_QUEUED_MS: i64 = 500;

/// Accepts a job, unless the account's mood or its prompt asks for something else.
pub(crate) async fn submit(
    inner: &Arc<Inner>,
    mut job: Kept,
    origin: &str,
) -> Result<Reply, NoReply> {
    let directives = job.directives();
    let answer = match inner.mood().submit {
        Some(answer) => Some(answer),
        None => {
            if let Some(status) = rejection(inner, &job, &directives)? {
                let told = "the request is rejected, as the prompt asked";
                return Ok(detail(status, told));
            }
            own_answer(inner, Stage::Submit, &job)?
        }
    };
    if answer.is_none() || directives.submit_accepted {
        accept(inner, &mut job, &directives).await?;
    }
    match answer {
        Some(answer) => {
            let real = async { accepted(inner, &job, &directives, origin) };
            replies::scripted(&answer, origin, real).await
        }
        None if directives.drop_submit => Err(NoReply::Dropped),
        None => accepted(inner, &job, &directives, origin),
    }
}

/// The status by which the prompt wants this submit rejected, until it was rejected as often as the prompt
/// says.
fn rejection(inner: &Inner, job: &Kept, directives: &Directives) -> Result<Option<u16>, Error> {
    let Some(reject) = directives.reject else {
        return Ok(None);
    };
    let is_rejected = match reject.times {
        None => true,
        Some(times) => inner.store.count(job.prompt(), "reject")? <= times,
    };
    Ok(is_rejected.then_some(reject.status))
}

async fn accept(inner: &Inner, job: &mut Kept, directives: &Directives) -> Result<(), Error> {
    job.failure = ending(inner, job, directives).await;
    let usual_ms = match Kind::of(&job.model) {
        Kind::Video => VIDEO_MS,
        Kind::Images | Kind::Image | Kind::Audio => PICTURE_MS,
    };
    let work_ms = match directives.webhook_first {
        true => 0,
        false => directives.delay_ms.unwrap_or(usual_ms),
    };
    job.work_ms = (!directives.lost).then_some(work_ms);
    let concurrency = inner.concurrency();
    // A webhook that comes before the answer cannot wait for other jobs.
    if concurrency.is_none() || (directives.webhook_first && !directives.lost) {
        let queued_ms = job
            .work_ms
            .map_or(LOST_QUEUED_MS, |work_ms| (work_ms / 4).min(QUEUED_MS_MAX));
        job.started_ms = Some(job.submitted_ms + queued_ms);
        job.finish_ms = job.work_ms.map(|ms| job.submitted_ms.saturating_add(ms));
    }
    let due_ms = due_ms(job, directives);
    let webhooks = inner.store.accept(job, &due_ms, concurrency)?;
    inner.due.notify_one();
    if directives.webhook_first
        && let Some(first) = webhooks.first()
    {
        webhooks::send(inner, job, *first, 0).await;
    }
    Ok(())
}

/// The times at which a job's webhooks are due. The one that is sent before the submit is answered is put off
/// meanwhile: it is sent again only if it was not taken.
fn due_ms(job: &Kept, directives: &Directives) -> Vec<i64> {
    if job.work_ms.is_none() || job.webhook_url.is_none() {
        return Vec::new();
    }
    let end_ms = job.finish_ms.unwrap_or(NOT_YET_MS);
    let mut due_ms: Vec<i64> = (0..directives.webhooks).map(|_| end_ms).collect();
    if directives.webhook_first
        && let Some(first) = due_ms.first_mut()
    {
        *first = webhooks::put_off_ms(end_ms, 0);
    }
    due_ms
}

/// The error that a job will end with: the scripted one, or the one for images that cannot be fetched.
async fn ending(inner: &Inner, job: &Kept, directives: &Directives) -> Option<String> {
    if directives.fail.is_some() {
        return directives.fail.clone();
    }
    let fields = job.input.as_object().into_iter().flatten();
    for (_, url) in fields.filter(|(name, _)| name.ends_with("_url")) {
        let fetch = inner
            .http
            .get(url.as_str().unwrap_or_default())
            .timeout(FETCH_TIMEOUT);
        if !fetch
            .send()
            .await
            .is_ok_and(|answer| answer.status() == StatusCode::OK)
        {
            return Some("file_download_error".to_owned());
        }
    }
    None
}

fn accepted(
    inner: &Inner,
    job: &Kept,
    directives: &Directives,
    origin: &str,
) -> Result<Reply, NoReply> {
    let address = address(job, origin);
    let position = match directives.position {
        Some(position) => position,
        None => inner.store.position(&job.request_id)?,
    };
    let body = json!({
        "status": "IN_QUEUE",
        "request_id": job.request_id,
        "response_url": address,
        "status_url": format!("{address}/status"),
        "cancel_url": format!("{address}/cancel"),
        "queue_position": position,
    });
    Ok(with_request_id(json_of(200, &body), &job.request_id))
}
