//! The settings in the environment, as `template.yaml` writes them. Only this module reads variables. It
//! reports everything that is missing or wrong at once.

use std::fmt::Write as _;
use std::time::Duration;

use app::config::{
    ChallengeSettings, Config, FalSettings, JobSettings, SharedKeySettings, StripeSettings,
    TokenSettings, UnknownPolicy,
};
use aws::{Fault, SdkConfig};
use blobs::Buckets;
use domain::Credits;
use domain::accounts::Email;
use domain::bonuses::{BonusAt, BonusRule};
use domain::breaker::BreakerRule;
use domain::generations::Retention;
use domain::plans::{ByPlan, Plan};
use domain::usage_keys::UsagePlans;
use queue::Queues;
use receivers::Reach;
use store::Tables;
use tracing::level_filters::LevelFilter;

use crate::log::LogSettings;

/// Reads every setting.
///
/// # Errors
/// One line that names everything that is missing or wrong.
pub(crate) fn config() -> Result<Config, String> {
    read(|name| std::env::var(name).ok())
}

/// Builds the configuration of the AWS SDK from the variables that Lambda sets.
///
/// # Errors
/// A fault if one of them is missing.
pub(crate) fn sdk() -> Result<SdkConfig, Fault> {
    aws::config(|name| std::env::var(name).ok())
}

/// Reads how the log is written. [Lambda sets both variables][1] as the template's `LoggingConfig` says.
///
/// [1]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
pub(crate) fn log() -> LogSettings {
    log_settings(|name| std::env::var(name).ok())
}

fn log_settings(lookup: impl Fn(&str) -> Option<String>) -> LogSettings {
    let level = lookup("AWS_LAMBDA_LOG_LEVEL").and_then(|level| match level.as_str() {
        "FATAL" => Some(LevelFilter::ERROR),
        level => level.parse().ok(),
    });
    let format = lookup("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    LogSettings {
        level: level.unwrap_or(LevelFilter::INFO),
        is_json: format.eq_ignore_ascii_case("json"),
    }
}

fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
    let mut settings = SettingsReader {
        lookup,
        problems: String::new(),
    };
    let config = Config {
        function: settings.text("AWS_LAMBDA_FUNCTION_NAME"),
        metrics_namespace: settings.text("METRICS_NAMESPACE"),
        tables: settings.tables(),
        queues: Queues {
            image_url: settings.text("IMAGE_QUEUE_URL"),
            video_url: settings.text("VIDEO_QUEUE_URL"),
            settle_url: settings.text("SETTLE_QUEUE_URL"),
            look_url: settings.text("LOOK_QUEUE_URL"),
            mail_url: settings.text("MAIL_QUEUE_URL"),
            keys_url: settings.text("KEYS_QUEUE_URL"),
            deliver_url: settings.text("DELIVER_QUEUE_URL"),
            preview_url: settings.text("PREVIEW_QUEUE_URL"),
        },
        buckets: Buckets {
            media: settings.text("MEDIA_BUCKET"),
            uploads: settings.text("UPLOADS_BUCKET"),
        },
        fal: settings.fal(),
        stripe: settings.stripe(),
        tokens: TokenSettings {
            issuer: settings.text("TOKEN_ISSUER"),
            audience: settings.text("TOKEN_AUDIENCE"),
            public_keys: settings.text("TOKEN_PUBLIC_KEYS"),
            signing_keys_name: settings.text("SIGNING_KEYS_NAME"),
        },
        jobs: job_settings(&mut settings),
        upload_bytes_max: settings.upload_bytes_max(),
        retention: settings.retention(),
        shared_keys: settings.shared_keys(),
        usage_plans: settings.usage_plans(),
        key_settles_after: settings.key_settles_after(),
        sign_up_bonus: settings.sign_up_bonus(),
        mailbox_key_name: settings.text("MAILBOX_KEY_NAME"),
        mail: mail::MailSettings {
            sender: settings.text("MAIL_SENDER"),
            app_url: (settings.lookup)("APP_URL").filter(|url| !url.is_empty()),
            configuration_set: settings.text("MAIL_CONFIGURATION_SET"),
        },
        waiting_executions_max: settings.waiting_executions_max(),
        letters_to_strangers_per_day: settings.count("LETTERS_TO_STRANGERS_PER_DAY"),
        registrations_per_hour: settings.count("REGISTRATIONS_PER_HOUR"),
        challenge: settings.challenge(),
        source_limits: settings
            .parsed("SOURCE_LIMITS", "on or off", |text| match text {
                "on" => Some(true),
                "off" => Some(false),
                _ => None,
            })
            .unwrap_or(true),
        admin_emails: settings.emails("ADMIN_EMAILS"),
        gradual_versions: (settings.lookup)("GRADUAL_VERSIONS")
            .map(|versions| versions.split(',').map(str::to_owned).collect()),
        cors_origins: settings.list("CORS_ORIGINS"),
        webhook_reach: settings.webhook_reach(),
        public_url: (settings.lookup)("PUBLIC_URL").filter(|url| !url.is_empty()),
    };
    if settings.problems.is_empty() {
        Ok(config)
    } else {
        Err(settings.problems)
    }
}

fn job_settings(settings: &mut SettingsReader<impl Fn(&str) -> Option<String>>) -> JobSettings {
    JobSettings {
        unknown_after: settings.duration("UNKNOWN_HOURS", 3_600.0),
        unknown_policy: settings
            .parsed("UNKNOWN_POLICY", "refund or hold", |text| match text {
                "refund" => Some(UnknownPolicy::Refund),
                "hold" => Some(UnknownPolicy::Hold),
                _ => None,
            })
            .unwrap_or(UnknownPolicy::Hold),
        deadline: settings.duration("JOB_DEADLINE_MINUTES", 60.0),
        submit_patience: settings.duration("SUBMIT_PATIENCE_MINUTES", 60.0),
        media_patience: settings.duration("MEDIA_PATIENCE_MINUTES", 60.0),
        breaker: BreakerRule {
            failures_max: settings
                .parsed(
                    "PROVIDER_FAILURES_MAX",
                    "a whole number above zero",
                    |text| text.parse().ok().filter(|count| *count > 0),
                )
                .unwrap_or(1),
            pause: settings.duration("PROVIDER_PAUSE_SECONDS", 1.0),
        },
        content_refusals_per_day: settings
            .parsed(
                "CONTENT_REFUSALS_PER_DAY",
                "a whole number above zero",
                |text| text.parse().ok().filter(|count| *count > 0),
            )
            .unwrap_or_default(),
    }
}

/// Returns the name of a plan's variable, such as `USAGE_PLAN_FREE`.
fn named(what: &str, plan: Plan) -> String {
    format!("{what}_{}", plan.as_str().to_uppercase())
}

struct SettingsReader<Lookup> {
    lookup: Lookup,
    problems: String,
}

impl<Lookup: Fn(&str) -> Option<String>> SettingsReader<Lookup> {
    fn tables(&mut self) -> Tables {
        Tables {
            accounts: self.text("ACCOUNTS_TABLE"),
            credits: self.text("CREDITS_TABLE"),
            generations: self.text("GENERATIONS_TABLE"),
            files: self.text("FILES_TABLE"),
            projects: self.text("PROJECTS_TABLE"),
            styles: self.text("STYLES_TABLE"),
            teams: self.text("TEAMS_TABLE"),
            alerts: self.text("ALERTS_TABLE"),
            audit: self.text("AUDIT_TABLE"),
            reconciliation: self.text("RECONCILIATION_TABLE"),
            models: self.text("MODELS_TABLE"),
            webhooks: self.text("WEBHOOKS_TABLE"),
        }
    }

    fn fal(&mut self) -> FalSettings {
        FalSettings {
            queue_url: self.text("FAL_QUEUE_URL"),
            jwks_url: self.text("FAL_JWKS_URL"),
            key_name: self.text("FAL_KEY_NAME"),
            concurrency: self
                .parsed("FAL_CONCURRENCY", "a whole number above zero", |text| {
                    text.parse().ok().filter(|count| *count > 0)
                })
                .unwrap_or(1),
        }
    }

    fn stripe(&mut self) -> StripeSettings {
        StripeSettings {
            url: self.text("STRIPE_URL"),
            key_name: self.text("STRIPE_KEY_NAME"),
            webhook_secret_name: self.text("STRIPE_WEBHOOK_SECRET_NAME"),
        }
    }

    fn sign_up_bonus(&mut self) -> BonusRule {
        let amount = |text: &str| text.parse().ok().and_then(Credits::new);
        BonusRule {
            amount: self
                .parsed("SIGN_UP_CREDITS", "a whole number, not negative", amount)
                .unwrap_or(Credits::ZERO),
            at: self
                .parsed(
                    "SIGN_UP_CREDITS_AT",
                    "verification or registration",
                    BonusAt::parse,
                )
                .unwrap_or(BonusAt::Verification),
            per_day_max: self.count("SIGN_UP_BONUSES_PER_DAY"),
        }
    }

    /// Reads the time after which a new key may be used: zero where keys work at once.
    fn key_settles_after(&mut self) -> Duration {
        let read = |text: &str| text.parse().ok().map(Duration::from_secs);
        self.parsed("KEY_SETTLE_SECONDS", "a whole number", read)
            .unwrap_or_default()
    }

    /// Reads the challenge's settings. Its verifier must use TLS, except on this machine.
    fn challenge(&mut self) -> Option<ChallengeSettings> {
        let url = (self.lookup)("CHALLENGE_VERIFIER_URL").filter(|url| !url.is_empty())?;
        let is_safe = url.starts_with("https://") || url.starts_with("http://127.0.0.1:");
        if !is_safe {
            let _ = write!(
                self.problems,
                "CHALLENGE_VERIFIER_URL must be an address that starts with https://, not {url:?}. "
            );
        }
        Some(ChallengeSettings {
            url,
            secret_name: self.text("CHALLENGE_SECRET_NAME"),
        })
    }

    fn webhook_reach(&mut self) -> Reach {
        let reach = |text: &str| match text {
            "public" => Some(Reach::Public),
            "local" => Some(Reach::ThisMachine),
            _ => None,
        };
        let read = self.parsed("WEBHOOK_RECEIVERS", "public or local", reach);
        read.unwrap_or(Reach::Public)
    }

    /// Reads a count, which must be above zero.
    fn count(&mut self, name: &str) -> u32 {
        let count = |text: &str| text.parse().ok().filter(|count| *count > 0);
        self.parsed(name, "a whole number above zero", count)
            .unwrap_or_default()
    }

    /// Reads the most requests that may wait. It must be at least two, because half of it applies to each
    /// time window.
    fn waiting_executions_max(&mut self) -> u32 {
        let count = |text: &str| text.parse().ok().filter(|count| *count > 1);
        self.parsed("WAITING_EXECUTIONS_MAX", "a whole number above one", count)
            .unwrap_or_default()
    }

    fn upload_bytes_max(&mut self) -> ByPlan<u64> {
        let bytes = |text: &str| {
            let mebibytes = text.parse::<u64>().ok().filter(|count| *count > 0);
            mebibytes.and_then(|count| count.checked_mul(1024 * 1024))
        };
        let expected = "a whole number above zero, or one for each plan between commas";
        self.by_plan("UPLOAD_MEBIBYTES_MAX", expected, bytes, 0)
    }

    fn retention(&mut self) -> ByPlan<Retention> {
        let days = |text: &str| text.parse().ok().and_then(Retention::of_days);
        let expected = "0 or 8 to 9999 days, or such a number for each plan between commas";
        self.by_plan("MEDIA_DAYS", expected, days, Retention::Forever)
    }

    /// Reads one value for every plan, or one for each, the smallest plan first.
    fn by_plan<T: Copy>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        otherwise: T,
    ) -> ByPlan<T> {
        let all = |text: &str| {
            let values: Option<Vec<T>> = text.split(',').map(parse).collect();
            match *values? {
                [all] => Some(ByPlan::new(|_| all)),
                [free, basic, pro, enterprise] => Some(ByPlan {
                    free,
                    basic,
                    pro,
                    enterprise,
                }),
                _ => None,
            }
        };
        self.parsed(name, expected, all)
            .unwrap_or_else(|| ByPlan::new(|_| otherwise))
    }

    fn shared_keys(&mut self) -> SharedKeySettings {
        SharedKeySettings {
            prefix: self.text("SHARED_KEY_PREFIX"),
            count: self.count("SHARED_KEYS"),
        }
    }

    /// Reads the usage plans. Only one function has them, because they name the API's stage, and so every
    /// function behind it.
    fn usage_plans(&mut self) -> Option<UsagePlans> {
        (self.lookup)(&named("USAGE_PLAN", Plan::Free))?;
        Some(UsagePlans {
            own: ByPlan::new(|plan| self.text(&named("USAGE_PLAN", plan))),
            shared: ByPlan::new(|plan| self.text(&named("SHARED_USAGE_PLAN", plan))),
        })
    }

    fn text(&mut self, name: &str) -> String {
        let value = (self.lookup)(name).unwrap_or_default();
        if value.is_empty() {
            let _ = write!(self.problems, "{name} is not set. ");
        }
        value
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name);
        let parsed = parse(&text);
        if parsed.is_none() && !text.is_empty() {
            let _ = write!(self.problems, "{name} must be {expected}, not {text:?}. ");
        }
        parsed
    }

    /// Reads a span, which is given as a decimal number of units of `unit_s` seconds.
    fn duration(&mut self, name: &str, unit_s: f64) -> Duration {
        self.parsed(name, "a number above zero", |text| {
            let number: f64 = text.parse().ok()?;
            Duration::try_from_secs_f64(number * unit_s)
                .ok()
                .filter(|span| !span.is_zero())
        })
        .unwrap_or_default()
    }

    /// Reads e-mail addresses between commas, each of which must be valid. There may be none.
    fn emails(&mut self, name: &str) -> Vec<Email> {
        let mut emails = Vec::new();
        for text in self.list(name) {
            match Email::parse(&text) {
                Some(email) => emails.push(email),
                None => {
                    let _ = write!(
                        self.problems,
                        "{name} must be e-mail addresses between commas, not {text:?}. "
                    );
                }
            }
        }
        emails
    }

    /// Reads words between commas. There may be none.
    fn list(&self, name: &str) -> Vec<String> {
        let text = (self.lookup)(name).unwrap_or_default();
        text.split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let problems = read(|_| None).expect_err("nothing is set");
        for name in [
            "ACCOUNTS_TABLE",
            "SETTLE_QUEUE_URL",
            "TOKEN_PUBLIC_KEYS",
            "UNKNOWN_POLICY",
            "FAL_CONCURRENCY",
            "SIGN_UP_CREDITS",
        ] {
            assert!(
                problems.contains(&format!("{name} is not set")),
                "{problems}"
            );
        }
    }

    #[test]
    fn the_log_has_the_level_and_the_format_that_lambda_names() {
        let read = |level: Option<&str>, format: Option<&str>| {
            log_settings(|name| {
                let value = match name {
                    "AWS_LAMBDA_LOG_LEVEL" => level,
                    "AWS_LAMBDA_LOG_FORMAT" => format,
                    _ => None,
                };
                value.map(str::to_owned)
            })
        };
        assert_eq!(read(None, None).level, LevelFilter::INFO);
        assert!(!read(None, None).is_json);
        assert_eq!(read(Some("DEBUG"), None).level, LevelFilter::DEBUG);
        assert_eq!(read(Some("FATAL"), None).level, LevelFilter::ERROR);
        assert!(read(Some("WARN"), Some("JSON")).is_json);
        assert!(!read(None, Some("Text")).is_json);
    }

    #[test]
    fn a_setting_that_cannot_be_read_stops_the_start() {
        let problems = read(|name| {
            Some(match name {
                "SIGN_UP_CREDITS" => "-5".to_owned(),
                "SIGN_UP_CREDITS_AT" => "birth".to_owned(),
                "SIGN_UP_BONUSES_PER_DAY" => "0".to_owned(),
                "CONTENT_REFUSALS_PER_DAY" => "0".to_owned(),
                "UNKNOWN_HOURS" => "0".to_owned(),
                "UNKNOWN_POLICY" => "shrug".to_owned(),
                "FAL_CONCURRENCY" => "0".to_owned(),
                "REGISTRATIONS_PER_HOUR" => "0".to_owned(),
                "CHALLENGE_VERIFIER_URL" => "http://example.org".to_owned(),
                "MEDIA_DAYS" => "30,90,7,0".to_owned(),
                "UPLOAD_MEBIBYTES_MAX" => "1,2,3".to_owned(),
                "ADMIN_EMAILS" => "ada@example.org, boss@".to_owned(),
                _ => "1".to_owned(),
            })
        })
        .expect_err("twelve are wrong");
        for name in [
            "SIGN_UP_CREDITS",
            "UNKNOWN_HOURS",
            "UNKNOWN_POLICY",
            "FAL_CONCURRENCY",
            "REGISTRATIONS_PER_HOUR",
            "CHALLENGE_VERIFIER_URL",
            "CONTENT_REFUSALS_PER_DAY",
            "SIGN_UP_CREDITS_AT",
            "SIGN_UP_BONUSES_PER_DAY",
            "MEDIA_DAYS",
            "UPLOAD_MEBIBYTES_MAX",
            "ADMIN_EMAILS",
        ] {
            assert!(problems.contains(&format!("{name} must be")), "{problems}");
        }
    }
}
