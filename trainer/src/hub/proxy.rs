//! Which proxy a request goes through: the one for its scheme, as curl and Python's clients choose.
//!
//! ureq takes the first proxy that is set for whatever it asks for, and opens a tunnel through it, which proxies commonly
//! allow to port 443 only. An https URL wants a tunnel; an http one goes to the proxy in absolute form (RFC 9112, 3.2.2),
//! by the means ureq offers for that: a resolver that leads to the proxy and a transport that writes the whole URL into
//! the first line. ureq does not promise to keep these as they are, so a new minor version of it is to be looked at here.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::config::{Config, ConfigBuilder};
use ureq::http::Uri;
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport};
use ureq::{Agent, Error, Proxy, ProxyProtocol};
use url::Url;

/// The proxies that the environment names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For http URLs (`HTTP_PROXY`, else `ALL_PROXY`).
    pub(super) http: Option<Proxy>,
    /// For https URLs (`HTTPS_PROXY`, else `ALL_PROXY`).
    pub(super) https: Option<Proxy>,
}

impl Proxies {
    /// What the variables say, either in capitals or not; hosts of `NO_PROXY` are asked directly.
    ///
    /// # Errors
    /// The variable that holds no proxy's URL; its value may be a password and is not repeated.
    pub(super) fn from(set: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let either = |name: &str| {
            let (lower, upper) = (name.to_lowercase(), name.to_owned());
            [lower, upper].into_iter().find_map(|name| set(&name).map(|value| (name, value)))
        };
        let except = either("NO_PROXY").map_or_else(String::new, |(_, hosts)| hosts);
        let proxy = |name: &str| {
            let Some((name, url)) = either(name).or_else(|| either("ALL_PROXY")) else { return Ok(None) };
            let found = Proxy::new(&url).map_err(|_| name.clone())?;
            // ureq is built without SOCKS; as before, such a proxy is no reason to refuse a hub that can be reached.
            if !matches!(found.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
                return Ok(None);
            }
            let mut proxy = Proxy::builder(found.protocol()).host(found.host()).port(found.port());
            if let Some(username) = found.username() {
                proxy = proxy.username(username);
            }
            if let Some(password) = found.password() {
                proxy = proxy.password(password);
            }
            let proxy = except.split(',').map(str::trim).fold(proxy, ureq::ProxyBuilder::no_proxy);
            proxy.build().map(Some).map_err(|_| name)
        };
        Ok(Self { http: proxy("HTTP_PROXY")?, https: proxy("HTTPS_PROXY")? })
    }
}

/// An agent for each way to the server.
pub(super) struct Agents {
    proxies: Proxies,
    direct: Agent,
    tunnel: Agent,
    forwarded: Agent,
}

impl Agents {
    /// Agents of one configuration, which says nothing of proxies.
    pub(super) fn new(config: impl Fn() -> ConfigBuilder<AgentScope>, proxies: &Proxies) -> Self {
        let direct = config().proxy(None).build().new_agent();
        let https_through = |proxy: &Option<Proxy>| config().proxy(proxy.clone()).build().new_agent();
        let forwarded = match &proxies.http {
            Some(proxy) if proxy.protocol() == ProxyProtocol::Http => Agent::with_parts(
                config().proxy(None).build(),
                ().chain(TcpConnector::default()).chain(AbsoluteFormConnector),
                ToProxy { uri: proxy.uri().clone(), resolver: DefaultResolver::default() },
            ),
            // A proxy that is itself asked over TLS: ureq can only tunnel through it.
            other => https_through(other),
        };
        Self { proxies: proxies.clone(), direct, tunnel: https_through(&proxies.https), forwarded }
    }

    /// The agent for a URL, and the `Proxy-Authorization` that the request needs where it is read by the proxy.
    pub(super) fn agent(&self, url: &Url) -> (&Agent, Option<String>) {
        let is_http = url.scheme() == "http";
        let proxy = if is_http { &self.proxies.http } else { &self.proxies.https };
        let uri: Option<Uri> = url.as_str().parse().ok();
        match proxy.as_ref().filter(|proxy| uri.is_some_and(|uri| !proxy.is_no_proxy(&uri))) {
            None => (&self.direct, None),
            Some(_) if !is_http => (&self.tunnel, None),
            Some(proxy) => {
                let user = proxy.username().filter(|_| proxy.protocol() == ProxyProtocol::Http);
                let credentials = user.map(|user| format!("{user}:{}", proxy.password().unwrap_or_default()));
                (&self.forwarded, credentials.map(|text| format!("Basic {}", BASE64_STANDARD.encode(text))))
            }
        }
    }
}

/// Resolves every name to the proxy's address.
struct ToProxy {
    uri: Uri,
    resolver: DefaultResolver,
}

impl fmt::Debug for ToProxy {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToProxy").finish_non_exhaustive()
    }
}

impl Resolver for ToProxy {
    fn resolve(&self, _: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        self.resolver.resolve(&self.uri, config, timeout)
    }
}

/// Wraps a connection to the proxy.
#[derive(Debug)]
struct AbsoluteFormConnector;

impl<In: Transport> Connector<In> for AbsoluteFormConnector {
    type Out = AbsoluteForm<In>;

    fn connect(&self, details: &ConnectionDetails, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let authority = details.uri.authority().ok_or(Error::HostNotFound)?;
        Ok(chained.map(|proxy| AbsoluteForm { proxy, server: format!("http://{authority}") }))
    }
}

/// A connection on which every request names its server.
#[derive(Debug)]
struct AbsoluteForm<T> {
    proxy: T,
    server: String,
}

impl<T: Transport> Transport for AbsoluteForm<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.proxy.buffers()
    }

    /// Nothing but heads of requests is sent here, each at once: GET and HEAD have no bodies.
    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let (output, n_more) = (self.proxy.buffers().output(), self.server.len());
        // `GET /path` becomes `GET http://server/path`.
        let Some(at) = output[..amount].windows(2).position(|pair| pair == b" /").map(|space| space + 1) else {
            return Err(Error::Other("a request without a path".into()));
        };
        if amount + n_more > output.len() {
            return Err(Error::Other("a request too long for a proxy".into()));
        }
        output.copy_within(at..amount, at + n_more);
        output[at..at + n_more].copy_from_slice(self.server.as_bytes());
        self.proxy.transmit_output(amount + n_more, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.proxy.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.proxy.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, String> {
        Proxies::from(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let host = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| proxy.host().to_owned());
        let set = |variables: &[(&str, &str)]| {
            let proxies = proxies(variables).unwrap();
            (host(&proxies.http), host(&proxies.https))
        };
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(set(&[]), (None, None));
        assert_eq!(set(&[("HTTPS_PROXY", "http://a:1")]), (None, named("a")));
        assert_eq!(set(&[("http_proxy", "http://a:1"), ("ALL_PROXY", "b:2")]), (named("a"), named("b")));
        assert_eq!(set(&[("ALL_PROXY", "socks5://a:1")]), (None, None));
        assert_eq!(proxies(&[("HTTP_PROXY", "http://")]).unwrap_err(), "HTTP_PROXY");
    }

    #[test]
    fn hosts_without_a_proxy_are_asked_directly() {
        let proxies =
            proxies(&[("HTTP_PROXY", "http://u:p%40@proxy:1"), ("no_proxy", "localhost, .internal")]).unwrap();
        let agents = Agents::new(Agent::config_builder, &proxies);
        let authorization = |url: &str| agents.agent(&Url::parse(url).unwrap()).1;
        assert_eq!(authorization("http://mirror/x").unwrap(), "Basic dTpwQA==");
        for direct in ["http://localhost:80/x", "http://hub.internal/x", "https://mirror/x"] {
            assert_eq!(authorization(direct), None, "{direct}");
        }
    }
}
