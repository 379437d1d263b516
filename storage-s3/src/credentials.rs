//! Where credentials come from, and when they are asked for anew.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_s3::config::{Region, SharedHttpClient};
use tokio::sync::Mutex;

/// How long before they expire credentials are renewed.
const MARGIN: Duration = Duration::from_mins(5);
/// How long credentials that name no end are used before they are looked up again: files change.
const AGE_MAX: Duration = Duration::from_mins(5);
/// How long a look-up may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The name under which a profile refers to the instance metadata service.
const IMDS_SOURCE: &str = "Ec2InstanceMetadata";

/// The usual chain of places, with a cache in front of it.
#[derive(Debug)]
pub(crate) struct CredentialChain {
    http: SharedHttpClient,
    region: Region,
    ec2_metadata: bool,
    cached: Mutex<Option<Cached>>,
    /// Whether the service has refused what is cached.
    refused: AtomicBool,
}

#[derive(Clone)]
struct Cached {
    credentials: Credentials,
    /// When they are to be looked up again.
    renew_at: SystemTime,
}

impl fmt::Debug for Cached {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("renew_at", &self.renew_at).finish_non_exhaustive()
    }
}

impl CredentialChain {
    /// A chain that asks through `http`; the instance metadata service only if allowed.
    pub(crate) fn new(http: SharedHttpClient, region: Region, ec2_metadata: bool) -> Self {
        let refused = AtomicBool::new(false);
        Self { http, region, ec2_metadata, cached: Mutex::new(None), refused }
    }

    /// Has the next request look credentials up again.
    pub(crate) fn renew(&self) {
        // Relaxed: the flag stands for itself.
        self.refused.store(true, Ordering::Relaxed);
    }

    async fn credentials(&self) -> provider::Result {
        // One look-up serves all requests that wait meanwhile.
        let mut cached = self.cached.lock().await;
        let now = SystemTime::now();
        let refused = self.refused.swap(false, Ordering::Relaxed);
        if let Some(cached) = &*cached
            && !refused
            && now < cached.renew_at
        {
            return Ok(cached.credentials.clone());
        }
        match tokio::time::timeout(TIMEOUT, self.look_up()).await {
            Ok(Ok(credentials)) => {
                *cached = Some(Cached { renew_at: renew_at(&credentials, now), credentials });
            }
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error,
                    _ => CredentialsError::provider_timed_out(TIMEOUT),
                };
                // What was found before may still do.
                let usable = cached.as_ref().filter(|old| {
                    !refused && old.credentials.expiry().is_none_or(|expiry| now < expiry)
                });
                if usable.is_none() {
                    return Err(error);
                }
                tracing::warn!("credentials cannot be renewed, using the old ones: {error}");
            }
        }
        match &*cached {
            Some(cached) => Ok(cached.credentials.clone()),
            None => Err(CredentialsError::not_loaded_no_source()),
        }
    }

    /// Asks every place, in order. Made anew each time, since providers and their configuration
    /// keep what they read: files change.
    async fn look_up(&self) -> provider::Result {
        let config = &ProviderConfig::without_region()
            .with_http_client(self.http.clone())
            .with_region(Some(self.region.clone()));
        let mut profile = ProfileFileCredentialsProvider::builder().configure(config);
        if !self.ec2_metadata {
            profile = profile.with_custom_provider(IMDS_SOURCE, NotAsked);
        }
        let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(config).build();
        let mut chain = CredentialsProviderChain::first_try(
            "Environment",
            EnvironmentVariableCredentialsProvider::new(),
        )
        .or_else("Profile", profile.build())
        .or_else("WebIdentityToken", web_identity)
        .or_else("EcsContainer", EcsCredentialsProvider::builder().configure(config).build());
        if self.ec2_metadata {
            let imds = ImdsCredentialsProvider::builder().configure(config).build();
            chain = chain.or_else(IMDS_SOURCE, imds);
        }
        chain.provide_credentials().await
    }
}

/// When credentials found at `now` are to be looked up again.
fn renew_at(credentials: &Credentials, now: SystemTime) -> SystemTime {
    match credentials.expiry() {
        None => now + AGE_MAX,
        Some(expiry) => {
            let left = expiry.duration_since(now).unwrap_or_default();
            // Short-lived ones are used for half of their life at least.
            expiry - MARGIN.min(left / 2)
        }
    }
}

impl ProvideCredentials for CredentialChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

/// Stands where a profile names the instance metadata service and it may not be asked.
#[derive(Debug)]
struct NotAsked;

impl ProvideCredentials for NotAsked {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(
            "the profile names the instance metadata service, which may not be asked",
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_before_they_expire() {
        let now = SystemTime::now();
        let lasting = |seconds| {
            let expiry = now + Duration::from_secs(seconds);
            renew_at(&Credentials::new("a", "s", None, Some(expiry), "test"), now)
        };
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(lasting(3600), after(3300));
        assert_eq!(lasting(60), after(30));
        assert_eq!(lasting(0), after(0));
        let endless = Credentials::new("a", "s", None, None, "test");
        assert_eq!(renew_at(&endless, now), after(300));
    }
}
