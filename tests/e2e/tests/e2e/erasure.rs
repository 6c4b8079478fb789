//! Deleting an account leaves books without a name, and nothing else; and no job is left without its owner.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};

use crate::files::{picture, put};
use crate::harness::{Cloud, PASSWORD, Person, send};
use crate::team_wallets::{fund, id};
use crate::teams::{found, join as join_team};

const ACCOUNTS: &str = "velro-local-accountstable";

/// Runs the purge once; its report.
async fn purge(cloud: &Cloud) -> Value {
    let ran = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(ran["status"], "succeeded", "{ran}");
    ran["result"].clone()
}

/// Makes every erasure an hour older.
async fn an_hour_passes(cloud: &Cloud) {
    let dynamodb = cloud.dynamodb();
    let found = dynamodb.query().table_name(ACCOUNTS);
    let found = found
        .key_condition_expression("pk = :erasures")
        .expression_attribute_values(":erasures", AttributeValue::S("erasures".to_owned()))
        .send()
        .await
        .unwrap();
    for mut item in found.items.unwrap() {
        let delete = dynamodb.delete_item().table_name(ACCOUNTS);
        let delete = delete
            .key("pk", item["pk"].clone())
            .key("sk", item["sk"].clone());
        delete.send().await.unwrap();
        let began_at_ms: i64 = item["began_at_ms"].as_n().unwrap().parse().unwrap();
        let earlier = began_at_ms - 3_600_000;
        let user = item["user_id"].as_s().unwrap();
        let sort = format!("{earlier:015}#{user}");
        item.insert("sk".to_owned(), AttributeValue::S(sort));
        item.insert(
            "began_at_ms".to_owned(),
            AttributeValue::N(earlier.to_string()),
        );
        let put = dynamodb.put_item().table_name(ACCOUNTS);
        put.set_item(Some(item)).send().await.unwrap();
    }
}

/// Everything that somebody has: things with their own words in them, and credentials.
struct Belongings<'a> {
    elsewhere: Person<'a>,
    key: String,
    project: String,
    style: String,
    file: String,
    /// The generation as it was read.
    generation: Value,
}

impl<'a> Belongings<'a> {
    /// Makes one of everything for Ada.
    async fn of(ada: &Person<'a>) -> Self {
        let said =
            json!({"full_name": "Ada Lovelace King", "avatar_url": "https://example.org/king.png"});
        ada.patch("/me", &said).await.expect(200);
        let elsewhere = ada.sign_in(PASSWORD).await;
        let key = json!({"name": "her laptop"});
        let key = ada.post("/me/api-keys", &key).await.text("secret");
        let project = json!({"name": "her secret garden", "visibility": "public"});
        let project = ada.post("/projects", &project).await.text("id");
        let style = json!({"name": "her secret style", "blocks": {"text": "her own words"}});
        let style = ada.post("/styles", &style).await.text("id");
        let hook = json!({
            "url": "http://127.0.0.1:9/her-server",
            "events": ["generation.succeeded"],
            "description": "her own server",
        });
        ada.post("/webhook-endpoints", &hook).await.expect(201);
        let file = ada.upload_picture().await;
        ada.post("/me/webhook-secret", &json!({})).await.expect(200);
        let order = json!({"prompt": "roses by her window", "webhook_url": "http://127.0.0.1:9/her-server"});
        let made = ada.post("/generations/flux-dev", &order).await.text("id");
        let generation = ada.when(&made, "succeeded").await;
        ada.download(&generation).await;
        // Keys of media once contained their owner's id.
        let late = format!("{}/{made}/0.jpg", ada.id);
        ada.cloud.put_media(&late, "late").await;
        Self {
            elsewhere,
            key,
            project,
            style,
            file,
            generation,
        }
    }

    /// Checks that the tables hold no word of Ada's, and that the only file left is another's.
    async fn are_not_kept(&self, ada: &Person<'a>, others: &str) {
        let cloud = ada.cloud;
        let kept = cloud.everything_kept().await;
        for word in [
            &ada.email,
            "Lovelace",
            "king.png",
            "her laptop",
            "her secret garden",
            "roses",
            "her-server",
            "her own server",
            "her secret style",
            "her own words",
            &self.project,
            &self.style,
            &self.file,
        ] {
            assert!(!kept.contains(word), "{word} is kept");
        }
        let items = cloud.every_item().await;
        let is_webhook = |(table, _): &(String, _)| table.ends_with("webhookstable");
        assert_eq!(items.iter().filter(|it| is_webhook(it)).count(), 0);
        let is_style = |(table, _): &(String, _)| table.ends_with("stylestable");
        assert_eq!(items.iter().filter(|it| is_style(it)).count(), 0);
        assert_eq!(cloud.media_keys(), [format!("{others}/0.jpg")]);
        let url = self.generation["outputs"][0]["url"].as_str().unwrap();
        assert_eq!(cloud.http.get(url).send().await.unwrap().status(), 404);
    }

    /// Checks that no credential of Ada's opens anything.
    async fn open_nothing(&self, ada: &Person<'a>) {
        let cloud = ada.cloud;
        // The authorizer has not been asked again yet.
        ada.get("/me").await.problem(401, "unauthorized");
        ada.erase().await.problem(401, "unauthorized");
        cloud.stack.forget_callers();
        for credential in [&ada.token, &self.elsewhere.token, &self.key] {
            let request = cloud.request(Method::GET, "/credits");
            let answer = send(request.bearer_auth(credential)).await;
            answer.problem(401, "unauthorized");
        }
        for token in [&ada.refresh_token, &self.elsewhere.refresh_token] {
            cloud.refresh(token).await.problem(401, "unauthorized");
        }
        let body = json!({"email": ada.email, "password": PASSWORD});
        let answer = cloud.post("/auth/login", &body).await;
        answer.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn who_deletes_their_account_leaves_books_without_a_name_and_nothing_else() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let hers = Belongings::of(&ada).await;
    let his = eve.generate("flux-dev", "nothing of hers").await;
    eve.when(&his, "succeeded").await;
    let with_key = cloud.request(Method::DELETE, "/me").bearer_auth(&hers.key);
    send(with_key).await.problem(403, "forbidden");

    assert_eq!(ada.erase().await.status, 204);

    hers.are_not_kept(&ada, &his).await;
    hers.open_nothing(&ada).await;
    eve.get(&format!("/projects/{}", hers.project))
        .await
        .problem(404, "not_found");

    // Everybody's books are in order, hers too, and the other person's things are still there.
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(
        (&run["wallets"], &run["broken_count"]),
        (&json!(2), &json!(0))
    );
    eve.download(&eve.generation(&his).await).await;

    let again = Person::register_as(&cloud, &ada.email).await;
    assert_ne!(again.id, ada.id);
    assert_eq!(
        again.get("/generations").await.expect(200)["data"],
        json!([])
    );
    // The authorizer's refusal is a failed invocation.
    let mut faults = cloud.faults();
    faults.retain(|line| !line.ends_with("\"Unauthorized\""));
    assert_eq!(faults, Vec::<String>::new());
}

#[tokio::test]
async fn an_account_whose_job_runs_is_not_deleted() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let running = ada.generate("flux-dev", "[[lost]]").await;
    ada.when(&running, "running").await;
    let answer = ada.erase().await;
    answer.problem(409, "conflict");
    assert!(answer.text("detail").contains("cancel it"), "{answer:?}");
    assert!(ada.is_signed_in().await);
    assert_eq!(ada.books().await.balance(), (975, 25));

    let cancel = format!("/generations/{running}/cancel");
    ada.post(&cancel, &Value::Null).await;
    ada.when_swept(&running, "canceled").await;
    assert_eq!(ada.erase().await.status, 204);
}

#[tokio::test]
async fn a_deletion_and_jobs_at_the_same_moment_leave_no_job_without_an_owner() {
    let cloud = Cloud::start().await;
    for round in 0..6 {
        let ada = cloud.person().await;
        ada.get("/me").await.expect(200);
        let jobs = || {
            join_all((0..4).map(|_| async {
                let body = json!({"prompt": "[[lost]]"});
                ada.post("/generations/flux-dev", &body).await
            }))
        };
        // In every other round, the other one begins.
        let (erased, jobs) = if round % 2 == 0 {
            join(ada.erase(), jobs()).await
        } else {
            let (jobs, erased) = join(jobs(), ada.erase()).await;
            (erased, jobs)
        };
        let opened = jobs.iter().filter(|job| job.status == 202).count();
        if erased.status == 204 {
            assert_eq!(opened, 0, "round {round}");
            for job in &jobs {
                job.problem(401, "unauthorized");
            }
        } else {
            erased.problem(409, "conflict");
            assert_eq!(opened, 4, "round {round}");
            assert_eq!(ada.books().await.balance(), (900, 100));
        }
    }
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(
        (&run["wallets"], &run["broken_count"]),
        (&json!(6), &json!(0))
    );
}

#[tokio::test]
async fn what_arrives_after_a_deletion_is_deleted_too_and_then_the_erasure_is_at_its_end() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let bytes = picture(120);
    let announced = ada.announce("image/png", &bytes).await.expect(201);
    assert_eq!(ada.erase().await.status, 204);

    // The address that was signed before still accepts the upload, and the authorizer's cached answer still
    // lets her in.
    assert_eq!(put(&ada, &announced["upload"], bytes).await, 200);
    let project = json!({"name": "her secret garden"});
    assert_eq!(ada.post("/projects", &project).await.status, 201);
    // The upload and the project. The count of projects is deleted, too, without being counted here.
    let purged = purge(&cloud).await;
    assert_eq!(
        (&purged["deleted"], &purged["open"]),
        (&json!(2), &json!(1))
    );
    assert!(!cloud.everything_kept().await.contains("her secret garden"));

    an_hour_passes(&cloud).await;
    for ended in [1, 0] {
        let purged = purge(&cloud).await;
        assert_eq!(
            (&purged["deleted"], &purged["ended"], &purged["open"]),
            (&json!(0), &json!(ended), &json!(0))
        );
    }
    let kept = cloud.everything_kept().await;
    assert!(!kept.contains("erasures"), "{kept}");
}

#[tokio::test]
async fn media_that_a_slow_worker_writes_after_a_deletion_goes_when_its_message_comes_back() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let made = ada.generate("flux-dev", "short-lived").await;
    ada.when(&made, "succeeded").await;
    let late = format!("{made}/0.jpg");
    assert_eq!(cloud.media_keys(), std::slice::from_ref(&late));

    assert_eq!(
        ada.delete(&format!("/generations/{made}")).await.status,
        204
    );
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
    cloud.put_media(&late, "late").await;
    let body = json!({"generation_id": made}).to_string();
    let record = json!({"messageId": "m", "receiptHandle": "r", "body": body});
    let event = json!({"Records": [record]}).to_string();
    cloud.stack.invoke("jobs-settle", event).await.unwrap();
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
}

#[tokio::test]
async fn a_suspended_user_opens_no_job_even_while_the_authorizer_does_not_know_yet() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    ada.get("/me").await.expect(200);
    let path = format!("/admin/users/{}", ada.id);
    admin
        .patch(&path, &json!({"suspended": true}))
        .await
        .expect(200);
    let body = json!({"prompt": "too late"});
    let answer = ada.post("/generations/flux-dev", &body).await;
    answer.problem(401, "unauthorized");
    assert_eq!(ada.books().await.balance(), (1_000, 0));
}

#[tokio::test]
async fn the_address_that_an_order_of_a_team_told_goes_with_its_author() {
    let cloud = Cloud::start().await;
    let (owner, ada) = (cloud.verified().await, cloud.verified().await);
    let team = found(&owner, &json!({"name": "Foxes"})).await;
    join_team(&owner, &team, &ada, "editor").await;
    fund(&owner, &team, 100).await;
    ada.post("/me/webhook-secret", &json!({})).await.expect(200);
    let mut jobs = Vec::new();
    for prompt in ["a fox [[delay:1ms]]", "[[lost]]"] {
        let order = json!({
            "prompt": prompt,
            "webhook_url": "http://127.0.0.1:9/her-server",
            "team_id": id(&team),
        });
        let job = ada.post("/generations/flux-dev", &order).await.expect(202);
        jobs.push(job["id"].as_str().unwrap().to_owned());
    }
    ada.when(&jobs[0], "succeeded").await;
    assert!(cloud.everything_kept().await.contains("her-server"));

    assert_eq!(ada.erase().await.status, 204);

    let kept = cloud.everything_kept().await;
    assert!(!kept.contains("her-server"), "{kept}");
    // The pictures are the team's, and so is the job that still runs: it ends like a job without an address
    // to tell.
    owner.download(&owner.generation(&jobs[0]).await).await;
    let cancel = format!("/generations/{}/cancel", jobs[1]);
    owner.post(&cancel, &Value::Null).await;
    owner.when_swept(&jobs[1], "canceled").await;
    assert!(!cloud.everything_kept().await.contains("her-server"));
}
