//! SSM parameters through the SDK, and SES mail by raw requests.

use aws_sdk_ssm::types::ParameterType;
use serde_json::json;

use crate::world::{KEY_ID, World};

#[tokio::test]
async fn a_secure_parameter_is_read_only_with_decryption() {
    let world = World::ephemeral().await;
    world.aws.put_parameter("/app/key", "s3cret").await.unwrap();
    let get = |decrypted: bool| {
        world
            .ssm
            .get_parameter()
            .name("/app/key")
            .with_decryption(decrypted)
            .send()
    };
    let parameter = get(true).await.unwrap().parameter.unwrap();
    assert_eq!(parameter.value(), Some("s3cret"));
    assert_eq!(parameter.r#type(), Some(&ParameterType::SecureString));
    let concealed = get(false).await.unwrap().parameter.unwrap().value.unwrap();
    assert!(!concealed.contains("s3cret"));
    assert_eq!(
        world.aws.get_parameter("/app/key").await.as_deref(),
        Some("s3cret")
    );
    assert_eq!(world.aws.get_parameter("/app/none").await, None);
}

#[tokio::test]
async fn parameters_are_put_once_and_overwritten_when_asked() {
    let world = World::ephemeral().await;
    let put = |value: &str, overwrite: bool| {
        let put = world.ssm.put_parameter().name("plain").value(value);
        put.r#type(ParameterType::String)
            .overwrite(overwrite)
            .send()
    };
    assert_eq!(put("one", false).await.unwrap().version(), 1);
    let refused = put("two", false).await.unwrap_err().into_service_error();
    assert!(refused.is_parameter_already_exists());
    assert_eq!(put("two", true).await.unwrap().version(), 2);
    let many = world
        .ssm
        .get_parameters()
        .names("plain")
        .names("absent")
        .send()
        .await
        .unwrap();
    assert_eq!(many.parameters()[0].value(), Some("two"));
    assert_eq!(many.invalid_parameters(), ["absent"]);
    let absent = world
        .ssm
        .get_parameter()
        .name("absent")
        .send()
        .await
        .unwrap_err();
    assert!(absent.into_service_error().is_parameter_not_found());
}

#[tokio::test]
async fn accepted_mail_can_be_read_newest_last() {
    let world = World::ephemeral().await;
    accept_mail_with(&world, "first").await;
    accept_mail_with(&world, "second").await;
    let mails = world.aws.mail();
    assert_eq!(mails.len(), 2);
    assert_eq!(
        (mails[0].subject.as_str(), mails[1].subject.as_str()),
        ("first", "second")
    );
    assert_eq!(mails[0].to, ["ann@example.com"]);
    assert_eq!(
        (mails[0].text.as_str(), mails[0].html.as_str()),
        ("plain", "<b>rich</b>")
    );
    assert_eq!(mails[0].created_at.len(), "2026-01-01T00:00:00.000Z".len());
}

#[tokio::test]
async fn mail_without_sender_recipient_or_body_is_refused() {
    let world = World::ephemeral().await;
    let mail = |from: &str, to: &[&str], body: serde_json::Value| {
        json!({
            "FromEmailAddress": from,
            "Destination": { "ToAddresses": to },
            "Content": { "Simple": { "Subject": { "Data": "s" }, "Body": body } },
        })
    };
    let text = json!({ "Text": { "Data": "t" } });
    for refused in [
        mail("", &["a@b.c"], text.clone()),
        mail("nobody", &["a@b.c"], text.clone()),
        mail("a@b.c", &[], text.clone()),
        mail("a@b.c", &["nobody"], text),
        mail("a@b.c", &["a@b.c"], json!({})),
    ] {
        assert_eq!(post_mail(&world, &refused).await, 400, "{refused}");
    }
    assert!(world.aws.mail().is_empty());
}

/// Sends mail, which the outbox then holds.
pub async fn accept_mail(world: &World) {
    accept_mail_with(world, "any").await;
}

async fn accept_mail_with(world: &World, subject: &str) {
    let mail = json!({
        "FromEmailAddress": "app@example.com",
        "Destination": { "ToAddresses": ["ann@example.com"] },
        "Content": { "Simple": {
            "Subject": { "Data": subject },
            "Body": { "Text": { "Data": "plain" }, "Html": { "Data": "<b>rich</b>" } },
        } },
    });
    assert_eq!(post_mail(world, &mail).await, 200);
}

async fn post_mail(world: &World, mail: &serde_json::Value) -> u16 {
    let url = format!("{}/v2/email/outbound-emails", world.aws.endpoint());
    let credential = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/r/ses/aws4_request");
    let post = world
        .http
        .post(url)
        .header("authorization", credential)
        .json(mail);
    post.send().await.unwrap().status().as_u16()
}
