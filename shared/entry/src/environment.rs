//! The settings in the environment, as `template.yaml` writes them. The one place that reads variables; it reports
//! everything that is missing or wrong at once.

use std::fmt::Write as _;
use std::time::Duration;

use app::config::{Config, FalSettings, JobSettings, StripeSettings, TokenSettings, UnknownPolicy};
use blobs::Buckets;
use domain::Credits;
use domain::accounts::{Email, Plan};
use domain::breaker::BreakerRule;
use domain::plans::ByPlan;
use queue::Queues;
use store::Tables;

/// Reads every setting.
///
/// # Errors
/// One line that names everything missing or wrong.
pub(crate) fn config() -> Result<Config, String> {
    read(|name| std::env::var(name).ok())
}

fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Config, String> {
    let mut settings = Settings {
        lookup,
        problems: String::new(),
    };
    let config = Config {
        function: settings.text("AWS_LAMBDA_FUNCTION_NAME"),
        tables: Tables {
            accounts: settings.text("ACCOUNTS_TABLE"),
            credits: settings.text("CREDITS_TABLE"),
            generations: settings.text("GENERATIONS_TABLE"),
            files: settings.text("FILES_TABLE"),
            projects: settings.text("PROJECTS_TABLE"),
            audit: settings.text("AUDIT_TABLE"),
            reconciliation: settings.text("RECONCILIATION_TABLE"),
            models: settings.text("MODELS_TABLE"),
        },
        queues: Queues {
            image_url: settings.text("IMAGE_QUEUE_URL"),
            video_url: settings.text("VIDEO_QUEUE_URL"),
            settle_url: settings.text("SETTLE_QUEUE_URL"),
            look_url: settings.text("LOOK_QUEUE_URL"),
            mail_url: settings.text("MAIL_QUEUE_URL"),
            keys_url: settings.text("KEYS_QUEUE_URL"),
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
        shared_keys: ByPlan::new(|plan| settings.text(&named("SHARED_KEY", plan))),
        usage_plans: settings.usage_plans(),
        key_settles_after: settings.key_settles_after(),
        sign_up_credits: settings
            .parsed("SIGN_UP_CREDITS", "a whole number, not negative", |text| {
                text.parse().ok().and_then(Credits::new)
            })
            .unwrap_or(Credits::ZERO),
        mail: mail::Settings {
            sender: settings.text("MAIL_SENDER"),
            app_url: (settings.lookup)("APP_URL").filter(|url| !url.is_empty()),
        },
        source_limits: settings
            .parsed("SOURCE_LIMITS", "on or off", |text| match text {
                "on" => Some(true),
                "off" => Some(false),
                _ => None,
            })
            .unwrap_or(true),
        admin_emails: settings
            .list("ADMIN_EMAILS")
            .iter()
            .filter_map(|text| Email::parse(text))
            .collect(),
        cors_origins: settings.list("CORS_ORIGINS"),
    };
    if settings.problems.is_empty() {
        Ok(config)
    } else {
        Err(settings.problems)
    }
}

fn job_settings(settings: &mut Settings<impl Fn(&str) -> Option<String>>) -> JobSettings {
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
        public_url: (settings.lookup)("PUBLIC_URL").filter(|url| !url.is_empty()),
    }
}

/// The variable of a plan: `SHARED_KEY_FREE`.
fn named(what: &str, plan: Plan) -> String {
    format!("{what}_{}", plan.as_str().to_uppercase())
}

struct Settings<Lookup> {
    lookup: Lookup,
    problems: String,
}

impl<Lookup: Fn(&str) -> Option<String>> Settings<Lookup> {
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

    /// Zero where a key works at once.
    fn key_settles_after(&mut self) -> Duration {
        let read = |text: &str| text.parse().ok().map(Duration::from_secs);
        self.parsed("KEY_SETTLE_SECONDS", "a whole number", read)
            .unwrap_or_default()
    }

    /// Only one function has these: the plans name the API's stage, and so every function behind it.
    fn usage_plans(&mut self) -> Option<ByPlan<String>> {
        (self.lookup)(&named("USAGE_PLAN", Plan::Free))?;
        Some(ByPlan::new(|plan| self.text(&named("USAGE_PLAN", plan))))
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

    /// A span given as a decimal number of units of `unit_s` seconds.
    fn duration(&mut self, name: &str, unit_s: f64) -> Duration {
        self.parsed(name, "a number above zero", |text| {
            let number: f64 = text.parse().ok()?;
            Duration::try_from_secs_f64(number * unit_s)
                .ok()
                .filter(|span| !span.is_zero())
        })
        .unwrap_or_default()
    }

    /// What may be empty: words between commas.
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
    fn a_setting_that_cannot_be_read_stops_the_start() {
        let problems = read(|name| {
            Some(match name {
                "SIGN_UP_CREDITS" => "-5".to_owned(),
                "CONTENT_REFUSALS_PER_DAY" => "0".to_owned(),
                "UNKNOWN_HOURS" => "0".to_owned(),
                "UNKNOWN_POLICY" => "shrug".to_owned(),
                "FAL_CONCURRENCY" => "0".to_owned(),
                _ => "1".to_owned(),
            })
        })
        .expect_err("four are wrong");
        for name in [
            "SIGN_UP_CREDITS",
            "UNKNOWN_HOURS",
            "UNKNOWN_POLICY",
            "FAL_CONCURRENCY",
            "CONTENT_REFUSALS_PER_DAY",
            "SIGN_UP_CREDITS",
            "UNKNOWN_HOURS",
            "UNKNOWN_POLICY",
        ] {
            assert!(problems.contains(&format!("{name} must be")), "{problems}");
        }
    }
}
