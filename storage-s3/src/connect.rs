//! From options to a client: scheme, region, credentials.

use std::sync::Arc;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, IdentityCache, ProvideCredentials, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedCredentialsProvider, SharedHttpClient,
    StalledStreamProtectionConfig,
};

use crate::credentials::CredentialChain;
use crate::endpoint::Endpoint;
use crate::fault::{Cause, Fault};
use crate::options::{Addressing, S3Options};
use crate::{probe, tls};

/// The region of a service that has none.
const REGION_DEFAULT: &str = "us-east-1";
/// How long connecting may take.
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// A client, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// The service's address, for messages.
    pub(crate) host: String,
    /// `None` with fixed credentials.
    credentials: Option<Arc<CredentialChain>>,
}

impl Connection {
    /// Has the next request look credentials up again.
    pub(crate) fn renew_credentials(&self) {
        if let Some(chain) = &self.credentials {
            chain.renew();
        }
    }
}

/// Finds out what the options leave open, and makes a client.
///
/// # Errors
///
/// If no region is known, or nobody answers at an endpoint that has to be asked what it speaks.
pub(crate) async fn connect(options: &S3Options) -> Result<Connection, Fault> {
    let endpoint = match &options.endpoint {
        Some(endpoint) => Some((endpoint, speaks_https(options, endpoint).await?)),
        None => None,
    };
    let http = tls::http_client()?;
    let region = region(options, &http).await?;
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http.clone())
        .region(region.clone())
        // Requests are repeated by this crate, which knows what may be repeated and for how long.
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // The chain below has a cache of its own, one that can be told to look again.
        .identity_cache(IdentityCache::no_cache())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    let mut chain = None;
    if let Some(fixed) = &options.credentials {
        config = config.credentials_provider(fixed.clone());
    } else {
        let found = Arc::new(CredentialChain::new(http, region.clone(), options.ec2_metadata));
        let shared: Arc<dyn ProvideCredentials> = Arc::clone(&found) as _;
        config.set_credentials_provider(Some(SharedCredentialsProvider::new(shared)));
        chain = Some(found);
    }
    let virtual_hosted = match options.addressing {
        Addressing::Path => false,
        Addressing::Virtual => true,
        Addressing::Auto => options.endpoint.as_ref().is_none_or(Endpoint::is_aws),
    };
    config = config.force_path_style(!virtual_hosted);
    let host = match endpoint {
        Some((endpoint, https)) => {
            config = config.endpoint_url(endpoint.url(https));
            endpoint.url(https)
        }
        None => format!("https://s3.{region}.amazonaws.com"),
    };
    tracing::debug!(host, %region, virtual_hosted, "S3 client");
    Ok(Connection { client: Client::from_conf(config.build()), host, credentials: chain })
}

/// Whether TLS is spoken to `endpoint`.
async fn speaks_https(options: &S3Options, endpoint: &Endpoint) -> Result<bool, Fault> {
    match (endpoint.https(), options.https) {
        (Some(https), _) | (None, Some(https)) => Ok(https),
        // Beyond this machine nobody is trusted to turn encryption off.
        (None, None) if !endpoint.is_loopback() => Ok(true),
        (None, None) => {
            let plain = probe::speaks_plain_http(endpoint).await?;
            if plain {
                tracing::info!(
                    "{} answers TLS with plain HTTP, so plain HTTP is used",
                    endpoint.url(false)
                );
            }
            Ok(!plain)
        }
    }
}

async fn region(options: &S3Options, http: &SharedHttpClient) -> Result<Region, Fault> {
    if let Some(region) = &options.region {
        return Ok(Region::new(region.clone()));
    }
    let config = ProviderConfig::without_region().with_http_client(http.clone());
    let profile = ProfileFileRegionProvider::builder().configure(&config).build();
    let mut chain =
        RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new()).or_else(profile);
    if options.ec2_metadata {
        chain = chain.or_else(ImdsRegionProvider::builder().configure(&config).build());
    }
    match chain.region().await {
        Some(region) => Ok(region),
        None if options.endpoint.is_some() => {
            tracing::info!("no region is configured, {REGION_DEFAULT} is assumed");
            Ok(Region::from_static(REGION_DEFAULT))
        }
        None => Err(Fault::new(Cause::NoRegion)),
    }
}
