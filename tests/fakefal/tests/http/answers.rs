//! Scripted answers at every stage.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Fal, header};

/// A short while, in which a hanging request gets no answer.
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn every_answer_is_given_as_it_is_written_and_then_the_real_one() {
    let typed = |kind: &str| {
        json!({ "detail": [{
            "loc": ["body"],
            "msg": format!("the model failed: {kind}"),
            "type": kind,
            "url": format!("https://docs.fal.ai/errors/#{kind}"),
        }] })
    };
    let error =
        |kind: &str| json!({ "detail": format!("the request failed: {kind}"), "error_type": kind });
    let locked = "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing.";
    let cases = [
        ("504", json!({ "detail": "Gateway Timeout" })),
        ("200/null", Value::Null),
        ("403/detail", json!({ "detail": locked })),
        ("422/typed", typed("internal_server_error")),
        (
            "422/typed=content_policy_violation",
            typed("content_policy_violation"),
        ),
        ("500/error", error("internal_error")),
        (
            "503/error=runner_disconnected",
            error("runner_disconnected"),
        ),
        ("499/detail", json!({ "detail": "Scripted" })),
    ];
    let fal = Fal::start().await;
    let script: String = cases
        .iter()
        .map(|(answer, _)| format!("[[status:{answer}:1]]"))
        .collect();
    let job = fal.submit(&format!("a fox {script}")).await;
    for (answer, body) in cases {
        let told = fal.status(&job).await;
        assert_eq!(told.status().as_str(), &answer[..3], "{answer}");
        assert_eq!(
            header(&told, "content-type"),
            "application/json",
            "{answer}"
        );
        let kind = body["error_type"].as_str().unwrap_or_default().to_owned();
        assert_eq!(header(&told, "x-fal-error-type"), kind, "{answer}");
        assert_eq!(told.json::<Value>().await.unwrap(), body, "{answer}");
    }
    let told = fal.told(&job).await;
    assert_eq!(told["request_id"], job.0["request_id"]);
}

#[tokio::test]
async fn a_page_and_an_answer_without_anything_are_no_json() {
    let fal = Fal::start().await;
    let job = fal
        .submit("[[status:502/html:1]][[status:200/empty:1]][[status:200:1]]")
        .await;
    let page = fal.status(&job).await;
    assert_eq!(
        (page.status().as_u16(), header(&page, "content-type")),
        (502, "text/html")
    );
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("<h1>502 Bad Gateway</h1>")
    );
    for _ in 0..2 {
        let nothing = fal.status(&job).await;
        assert_eq!(
            (
                nothing.status().as_u16(),
                header(&nothing, "content-length")
            ),
            (200, "0")
        );
        assert_eq!(nothing.text().await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_cut_answer_is_the_beginning_of_the_real_one() {
    let fal = Fal::start().await;
    let job = fal
        .submit("a fox [[delay:1ms]] [[result:200/cut:1]][[status:502/cut:1]][[cancel:202/cut:1]]")
        .await;
    fal.until_all_ended().await;

    let cut = fal.result(&job).await;
    assert_eq!(
        (cut.status().as_u16(), header(&cut, "content-type")),
        (200, "application/json")
    );
    let length: usize = header(&cut, "content-length").parse().unwrap();
    let cut = cut.text().await.unwrap();
    assert_eq!(cut.len(), length);
    let whole = fal.result(&job).await.text().await.unwrap();
    assert!(whole.starts_with(&cut) && !cut.is_empty() && cut.len() < whole.len());

    let cut = fal.status(&job).await;
    assert_eq!(cut.status(), 502);
    let cut = cut.text().await.unwrap();
    assert!(
        fal.status(&job)
            .await
            .text()
            .await
            .unwrap()
            .starts_with(&cut)
    );

    let cut = fal.cancel(&job).await.text().await.unwrap();
    assert!(r#"{"status":"ALREADY_COMPLETED"}"#.starts_with(&cut));
}

#[tokio::test]
async fn a_redirect_leads_where_it_says_or_to_nothing() {
    let fal = Fal::start().await;
    let script = "[[status:302=https://example.com/a:b:1]][[status:307:1]][[status:301/html:1]]";
    let job = fal.submit(script).await;
    let named = fal.status(&job).await;
    assert_eq!(
        (named.status().as_u16(), header(&named, "location")),
        (302, "https://example.com/a:b")
    );
    for (status, content_type) in [(307, ""), (301, "text/html")] {
        let told = fal.status(&job).await;
        assert_eq!(
            (told.status().as_u16(), header(&told, "content-type")),
            (status, content_type)
        );
        let location = header(&told, "location");
        assert!(location.starts_with(fal.fal.url()), "{location}");
        for method in [Method::GET, Method::POST, Method::PUT, Method::HEAD] {
            let nowhere = fal.http.request(method, location).send().await.unwrap();
            assert_eq!(nowhere.status(), 404);
        }
    }
    assert_eq!(fal.status(&job).await.status(), 202);
}

#[tokio::test]
async fn every_stage_can_be_scripted_and_each_by_itself() {
    let fal = Fal::start().await;
    let prompt = "a fox [[delay:1ms]] [[submit:503:1]][[status:504:2]][[result:502:1]][[cancel:500:1]][[media:403:1]]";
    assert_eq!(fal.try_submit(prompt).await.status(), 503);
    let job = fal.submit(prompt).await;
    fal.until_all_ended().await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(fal.status(&job).await.status().as_u16());
    }
    assert_eq!(statuses, [504, 504, 200]);
    assert_eq!(fal.result(&job).await.status(), 502);
    let result: Value = fal.result(&job).await.json().await.unwrap();
    assert_eq!(fal.cancel(&job).await.status(), 500);
    assert_eq!(fal.cancel(&job).await.status(), 400);
    let url = result["images"][0]["url"].as_str().unwrap();
    assert_eq!(fal.http.get(url).send().await.unwrap().status(), 403);
    assert_eq!(fal.http.get(url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_answer_without_a_number_is_for_ever() {
    let fal = Fal::start().await;
    let job = fal
        .submit("[[status:500:1]][[status:504]][[status:200/null]]")
        .await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(fal.status(&job).await.status().as_u16());
    }
    assert_eq!(statuses, [500, 504, 504, 504]);
}

#[tokio::test]
async fn a_cancel_that_gets_a_scripted_answer_changes_nothing() {
    let fal = Fal::start().await;
    let job = fal
        .submit("[[lost]] [[cancel:202/empty:1]][[cancel:504:1]][[cancel:202/cut:1]]")
        .await;
    for status in [202, 504, 202] {
        assert_eq!(fal.cancel(&job).await.status(), status);
        assert_ne!(fal.states().await, ["COMPLETED"]);
    }
    assert_eq!(fal.cancel(&job).await.status(), 202);
    assert_eq!(fal.states().await, ["COMPLETED"]);
}

#[tokio::test]
async fn a_submit_that_gets_a_scripted_answer_is_not_accepted_unless_its_prompt_says_so() {
    let fal = Fal::start().await;
    let refused = "a fox [[submit:504:1]][[submit:200/cut:1]][[submit:422/typed:1]]";
    for status in [504, 200, 422] {
        let answer = fal.try_submit(refused).await;
        assert_eq!(answer.status(), status);
        let is_job = answer
            .json::<Value>()
            .await
            .is_ok_and(|body| body["request_id"].is_string());
        assert!(!is_job && fal.fal.jobs().await.is_empty());
    }
    fal.submit(refused).await;
    assert_eq!(fal.fal.jobs().await.len(), 1);

    let accepted = "a hare [[submit:504:1]][[submit:200/cut:1]] [[submit-accepted]]";
    for status in [504, 200, 200] {
        assert_eq!(fal.try_submit(accepted).await.status(), status);
    }
    assert_eq!(fal.fal.jobs().await.len(), 4);
}

#[tokio::test]
async fn the_older_directives_go_together_with_scripted_answers() {
    let fal = Fal::start().await;
    let prompt = "a fox [[reject:429:1]][[submit:504:1]][[drop-submit]][[fail]][[delay:1ms]][[result:500/html:1]]";
    assert_eq!(fal.try_submit(prompt).await.status(), 429);
    assert_eq!(fal.try_submit(prompt).await.status(), 504);
    assert!(fal.fal.jobs().await.is_empty());
    let dropped = fal.post(&json!({ "prompt": prompt })).send().await;
    assert!(dropped.is_err(), "the connection is closed");
    assert_eq!(fal.fal.jobs().await.len(), 1);
    fal.until_all_ended().await;
    let id = &fal.fal.jobs().await[0].request_id;
    let url = format!("{}/fal-ai/flux/requests/{id}", fal.fal.url());
    let page = fal.ask(Method::GET, &url).send().await.unwrap();
    assert_eq!(header(&page, "content-type"), "text/html");
    let failure = fal.ask(Method::GET, &url).send().await.unwrap();
    let failure: Value = failure.json().await.unwrap();
    assert_eq!(failure["detail"][0]["type"], "internal_server_error");
}

#[tokio::test]
async fn a_request_hangs_until_its_client_or_the_stand_in_goes() {
    let fal = Fal::start().await;
    let job = fal.submit("[[status:hang:2]]").await;
    let url = job.text("status_url");
    let impatient = fal.ask(Method::GET, url).timeout(SHORT).send().await;
    assert!(impatient.unwrap_err().is_timeout());

    let mut patient = std::pin::pin!(fal.ask(Method::GET, url).send());
    let answered = tokio::time::timeout(SHORT, &mut patient).await;
    assert!(answered.is_err(), "it hangs");
    let started = Instant::now();
    fal.fal.shutdown().await;
    assert!(patient.await.is_err());
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn what_is_used_up_stays_used_up_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let prompt =
        "a fox [[submit:504:2]][[status:502:2]][[position:1]][[word:FAILED:2]][[delay:1ms]]";
    let fal = Fal::start_in(folder.path()).await;
    assert_eq!(fal.try_submit(prompt).await.status(), 504);
    fal.fal.shutdown().await;
    drop(fal);

    let fal = Fal::start_in(folder.path()).await;
    assert_eq!(fal.try_submit(prompt).await.status(), 504);
    let job = fal.submit(prompt).await;
    assert_eq!(fal.status(&job).await.status(), 502);
    let port = fal.fal.port();
    fal.fal.shutdown().await;
    drop(fal);

    let fal = Fal::start_with(fakefal::Config {
        data: Some(folder.path().to_owned()),
        port,
        ..crate::harness::config()
    })
    .await;
    assert_eq!(fal.status(&job).await.status(), 502);
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(fal.told(&job).await["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        told,
        ["IN_QUEUE", "IN_QUEUE", "FAILED", "FAILED", "COMPLETED"]
    );
}
