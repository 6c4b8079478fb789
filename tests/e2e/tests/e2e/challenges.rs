//! If the operator wants a challenge, nobody registers without solving it, whatever its verifier does.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Answer, Cloud, PASSWORD, send};

const SECRET: &str = "0x4AAAAAAA-our-secret";

/// Starts a verifier of challenges, with its good and its bad days; its address. The solution that it checks
/// decides how it behaves.
async fn verifier() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "http://127.0.0.1:{}/siteverify",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    url
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut asked = String::new();
    let mut bytes = [0; 16_384];
    while !asked.contains("response=") {
        let count = stream.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        asked.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let ours = asked.contains(&format!("secret={SECRET}&"));
    let said = asked.rsplit("response=").next().unwrap_or_default();
    let (status, body) = match said {
        "right" if ours => (
            "200 OK",
            r#"{"success":true,"hostname":"example.org"}"#.to_owned(),
        ),
        "down" => ("503 Service Unavailable", r#"{"success":true}"#.to_owned()),
        "elsewhere" => (
            "302 Found\r\nlocation: /siteverify",
            r#"{"success":true}"#.to_owned(),
        ),
        "html" => ("200 OK", "<html>success: true</html>".to_owned()),
        "word" => ("200 OK", r#"{"success":"true"}"#.to_owned()),
        "endless" => (
            "200 OK",
            format!(r#"{{"success":true,"x":"{}"}}"#, "x".repeat(100_000)),
        ),
        "cut" => (
            "200 OK\r\ncontent-length: 100",
            r#"{"success":true"#.to_owned(),
        ),
        "slow" => {
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
            return Ok(());
        }
        _ => (
            "200 OK",
            r#"{"success":false,"error-codes":["invalid-input-response"]}"#.to_owned(),
        ),
    };
    let length = match said {
        "cut" => String::new(),
        _ => format!("content-length: {}\r\n", body.len()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{length}connection: close\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

async fn register(cloud: &Cloud, email: &str, challenge: Value) -> Answer {
    let mut body = json!({"email": email, "password": PASSWORD});
    if !challenge.is_null() {
        body["challenge"] = challenge;
    }
    cloud.post("/auth/register", &body).await
}

/// Whether there is an account with this e-mail.
async fn is_known(cloud: &Cloud, email: &str) -> bool {
    cloud.everything_kept().await.contains(email)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_solve_the_challenge_gets_no_account_whatever_the_verifier_says() {
    let url = verifier().await;
    let cloud = Cloud::start_with(&[("ChallengeVerifierUrl", &url)]).await;
    cloud.expects_faults();
    let aws = cloud.stack.aws();
    aws.put_parameter("/velro/challenge-secret", SECRET)
        .await
        .unwrap();

    for (challenge, code) in [
        (Value::Null, "required"),
        (json!("wrong"), "not_allowed"),
        (json!(""), "not_allowed"),
        (json!("right "), "not_allowed"),
        (json!("x".repeat(8_193)), "too_long"),
    ] {
        let refused = register(&cloud, "eve@example.org", challenge).await;
        assert!(
            refused
                .problem(422, "validation_failed")
                .contains("challenge")
        );
        assert_eq!(refused.body["errors"][0]["code"], code);
    }
    for bad_day in [
        "down",
        "elsewhere",
        "html",
        "word",
        "endless",
        "cut",
        "slow",
    ] {
        let refused = register(&cloud, "eve@example.org", json!(bad_day)).await;
        refused.problem(503, "provider_unavailable");
        assert!(!refused.header("retry-after").is_empty(), "{bad_day}");
    }
    let gone = reqwest::Url::parse(&url).unwrap();
    assert!(gone.port().is_some());
    assert!(!is_known(&cloud, "eve@example.org").await);
    assert!(!cloud.everything_logged().contains(SECRET));

    // A solved challenge gives an account, with everything that belongs to one.
    let right = register(&cloud, "ada@example.org", json!("right")).await;
    assert_eq!(right.status, 201, "{:?}", right.body);
    let me = cloud
        .request(Method::GET, "/me")
        .bearer_auth(right.text("access_token"));
    send(me).await.expect(200);
}

#[tokio::test]
async fn without_a_challenge_nobody_is_asked_for_one() {
    let cloud = Cloud::start().await;
    for (email, challenge) in [
        ("ada@example.org", Value::Null),
        ("eve@example.org", json!("anything")),
    ] {
        let answer = register(&cloud, email, challenge).await;
        assert_eq!(answer.status, 201, "{:?}", answer.body);
    }
}
