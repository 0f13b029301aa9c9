//! Endpoints that matter by name: cloud metadata and DNS over HTTPS.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Trigger::{Call, Literal};
use crate::rule::TypeFact::{self, Alias};
use crate::rule::{Level, Reported, Rule, api, arg};

/// This family's rules.
pub static RULES: &[&Rule] = &[&CLOUD_METADATA, &DNS_OVER_HTTPS];

/// A cloud's metadata service, which hands credentials to whoever can reach it.
pub static CLOUD_METADATA: Rule = Rule {
    name: "cloud-metadata",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "the metadata service of a cloud, which hands out credentials, is named or asked",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/cloud-metadata.md"),
    triggers: &[
        // AWS, GCP, Azure, OpenStack, DigitalOcean, Oracle.
        Literal("169.254.169.254"),
        Literal("fd00:ec2::254"),
        // The same address carried in a link-local IPv6 one.
        Literal("fe80::a9fe:a9fe"),
        // AWS: container tasks, pod identity.
        Literal("169.254.170.2"),
        Literal("169.254.170.23"),
        Literal("fd00:ec2::23"),
        // GCP.
        Literal("metadata.google.internal"),
        Literal("metadata.goog"),
        Literal("fd20:ce::254"),
        // Azure's host agent.
        Literal("168.63.129.16"),
        // Alibaba Cloud, Tencent Cloud, Oracle Cloud (older), Scaleway.
        Literal("100.100.100.200"),
        Literal("169.254.0.23"),
        Literal("metadata.tencentyun.com"),
        Literal("192.0.0.192"),
        Literal("169.254.42.42"),
        // Equinix Metal, Rancher, the Kubernetes API as pods see it.
        Literal("metadata.packet.net"),
        Literal("metadata.platformequinix.com"),
        Literal("rancher-metadata"),
        Literal("kubernetes.default.svc"),
        Call(api("azure.identity.ManagedIdentityCredential").fixed("169.254.169.254")),
        Call(api("botocore.utils.ContainerMetadataFetcher").fixed("169.254.170.2")),
        Call(api("botocore.utils.IMDSFetcher").fixed("169.254.169.254")),
        Call(api("botocore.utils.InstanceMetadataFetcher").fixed("169.254.169.254")),
        Call(api("google.auth.compute_engine._metadata.get").fixed("metadata.google.internal")),
        Call(api("google.auth.compute_engine._metadata.ping").fixed("metadata.google.internal")),
    ],
};

/// A resolver reached over HTTPS, past any guard on look-ups (RFC 8484).
pub static DNS_OVER_HTTPS: Rule = Rule {
    name: "dns-over-https",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a DNS-over-HTTPS resolver, which hides look-ups in web traffic, is named or asked",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/dns-over-https.md"),
    triggers: &[
        Literal("dns.google"),
        Literal("cloudflare-dns.com"),
        Literal("mozilla.cloudflare-dns.com"),
        Literal("security.cloudflare-dns.com"),
        Literal("one.one.one.one"),
        Literal("dns.quad9.net"),
        Literal("doh.opendns.com"),
        Literal("dns.adguard-dns.com"),
        Literal("doh.cleanbrowsing.org"),
        Literal("dns.nextdns.io"),
        Literal("doh.dns.sb"),
        Literal("dns.alidns.com"),
        Literal("doh.pub"),
        // The usual path and the media type, whatever the host.
        Literal("/dns-query"),
        Literal("application/dns-message"),
        Call(api("dns.query.https").url(arg(1, "where"))),
        Call(api("dns.asyncquery.https").url(arg(1, "where"))),
    ],
};

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = &[Alias {
    name: "azure.identity.aio.ManagedIdentityCredential",
    of: "azure.identity.ManagedIdentityCredential",
}];
