//! The services behind the functions: AWS always, and stand-ins for the provider and for Stripe unless the
//! real ones are used. Owns starting and stopping them.

use fakeaws::FakeAws;
use fakefal::FakeFal;
use fakestripe::FakeStripe;

use super::Options;
use super::lambda::{ACCESS_KEY_ID, SECRET_ACCESS_KEY};
use crate::Error;
use crate::data::{Data, Ports};
use crate::template::resources::Place;

pub const LOCAL_FAL_KEY: &str = "local-fal-key";
pub const LOCAL_STRIPE_KEY: &str = "local-stripe-key";
pub const LOCAL_STRIPE_WEBHOOK_SECRET: &str = "whsec_local";

/// The running services.
pub struct Services {
    pub aws: FakeAws,
    /// The provider's stand-in; `None` when the real one is used.
    pub fal: Option<FakeFal>,
    /// Stripe's stand-in; `None` when the real one is used.
    pub stripe: Option<FakeStripe>,
}

impl Services {
    /// Starts them, on the ports of the last run where those are free.
    pub async fn start(
        options: &Options,
        data: &Data,
        place: &Place,
        origin: &str,
    ) -> Result<Self, Error> {
        let ports = data.ports();
        let aws = aws(data, place, ports.aws).await?;
        let fal = match &options.fal_key {
            Some(_) => None,
            None => Some(fal(data, ports.fal, &options.retired).await?),
        };
        let stripe = match &options.stripe {
            Some(_) => None,
            None => Some(stripe(data, ports.stripe, origin).await?),
        };
        Ok(Self { aws, fal, stripe })
    }

    /// The ports to keep for the next run. A stand-in that does not run keeps its last port.
    pub fn ports(&self, gateway: u16, last: Ports) -> Ports {
        Ports {
            gateway,
            aws: self.aws.port(),
            fal: self.fal.as_ref().map_or(last.fal, FakeFal::port),
            stripe: self.stripe.as_ref().map_or(last.stripe, FakeStripe::port),
        }
    }

    /// The ports that the services listen on.
    pub fn listening_at(&self) -> Vec<u16> {
        let fal = self.fal.iter().map(FakeFal::port);
        let stripe = self.stripe.iter().map(FakeStripe::port);
        fal.chain(stripe).chain([self.aws.port()]).collect()
    }

    /// Stops them.
    pub async fn shutdown(&self) {
        self.aws.shutdown().await;
        if let Some(fal) = &self.fal {
            fal.shutdown().await;
        }
        if let Some(stripe) = &self.stripe {
            stripe.shutdown().await;
        }
    }
}

async fn aws(data: &Data, place: &Place, port: u16) -> Result<FakeAws, Error> {
    let config = fakeaws::Config {
        data: data.below("aws"),
        port,
        region: place.region.clone(),
        account_id: place.account_id.clone(),
        access_key_id: ACCESS_KEY_ID.to_owned(),
        secret_access_key: SECRET_ACCESS_KEY.to_owned(),
    };
    FakeAws::start(config)
        .await
        .map_err(|problem| Error::new(problem.to_string()))
}

async fn fal(data: &Data, port: u16, retired: &[String]) -> Result<FakeFal, Error> {
    let config = fakefal::Config {
        data: data.below("fal"),
        port,
        key: LOCAL_FAL_KEY.to_owned(),
        retired: retired.to_vec(),
        concurrency: None,
    };
    FakeFal::start(config)
        .await
        .map_err(|problem| Error::new(problem.to_string()))
}

async fn stripe(data: &Data, port: u16, origin: &str) -> Result<FakeStripe, Error> {
    let config = fakestripe::Config {
        data: data.below("stripe"),
        port,
        key: LOCAL_STRIPE_KEY.to_owned(),
        webhook_secret: LOCAL_STRIPE_WEBHOOK_SECRET.to_owned(),
        webhook_url: format!("{origin}/v1/webhooks/stripe"),
    };
    FakeStripe::start(config)
        .await
        .map_err(|problem| Error::new(problem.to_string()))
}
