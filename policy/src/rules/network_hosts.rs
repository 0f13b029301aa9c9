//! The network: remote shells, downloads and packets.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{NotText, NotTrue, RemoteUrl};
use crate::rule::Trigger::Call;
use crate::rule::TypeFact::{self, Alias, Returns};
use crate::rule::{Level, Reported, Rule, api, arg, keyword};

/// This family's rules.
pub static RULES: &[&Rule] = &[&NETWORK_DOWNLOAD, &NETWORK_PACKET, &NETWORK_REMOTE_SHELL];

/// Protocols of `fsspec` that reach no other machine.
const LOCAL_PROTOCOLS: &[&str] = &["file", "local", "memory", "data"];

/// A shell, command or file share on another machine.
pub static NETWORK_REMOTE_SHELL: Rule = Rule {
    name: "network-remote-shell",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a remote shell or file share is opened",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-remote-shell.md"),
    triggers: &[
        Call(api("asyncssh.connect").host_port(arg(0, "host"), arg(1, "port"))),
        Call(api("asyncssh.create_connection").host_port(arg(1, "host"), arg(2, "port"))),
        Call(api("asyncssh.listen").host_port(arg(0, "host"), arg(1, "port")).act(Verb::Listen)),
        Call(
            api("asyncssh.create_server")
                .host_port(arg(1, "host"), arg(2, "port"))
                .act(Verb::Listen),
        ),
        Call(api("fabric.Connection").host_port(arg(0, "host"), arg(2, "port")).act(Verb::Prepare)),
        Call(api("fabric.Connection.get").receiver()),
        Call(api("fabric.Connection.open").receiver()),
        Call(api("fabric.Connection.put").receiver()),
        Call(api("fabric.Connection.run").receiver()),
        Call(api("fabric.Connection.sudo").receiver()),
        Call(api("impacket.smbconnection.SMBConnection").host(arg(1, "remoteHost"))),
        Call(api("netmiko.ConnectHandler").host(keyword("host"))),
        // Talks to the agent over a Unix socket.
        Call(api("paramiko.Agent")),
        Call(api("paramiko.SSHClient").act(Verb::Prepare)),
        Call(api("paramiko.SSHClient.connect").host_port(arg(0, "hostname"), arg(1, "port"))),
        // An address or a socket that is connected already.
        Call(api("paramiko.Transport").address(arg(0, "sock"))),
        Call(api("pysftp.Connection").host(arg(0, "host"))),
        Call(api("smbclient.listdir")),
        Call(api("smbclient.open_file")),
        Call(api("smbclient.register_session").host(arg(0, "server"))),
        Call(api("winrm.Session").host(arg(0, "target"))),
    ],
};

/// A library call that fetches data, models or code.
pub static NETWORK_DOWNLOAD: Rule = Rule {
    name: "network-download",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a library fetches data, models or code",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-download.md"),
    triggers: &[
        Call(api("datasets.load_dataset")),
        Call(api("dulwich.porcelain.clone").url(arg(0, "source"))),
        Call(api("dulwich.porcelain.fetch")),
        Call(api("dulwich.porcelain.push")),
        Call(
            api("feedparser.parse")
                .url(arg(0, "url_file_stream_or_string"))
                .when(RemoteUrl(arg(0, "url_file_stream_or_string"))),
        ),
        Call(api("fsspec.filesystem").when(NotText(arg(0, "protocol"), LOCAL_PROTOCOLS))),
        Call(api("fsspec.get_mapper").url(arg(0, "url")).when(RemoteUrl(arg(0, "url")))),
        Call(api("fsspec.open").url(arg(0, "urlpath")).when(RemoteUrl(arg(0, "urlpath")))),
        Call(api("fsspec.open_files").url(arg(0, "urlpath")).when(RemoteUrl(arg(0, "urlpath")))),
        Call(api("gdown.download").url(arg(0, "url"))),
        Call(api("git.Repo.clone_from").url(arg(0, "url"))),
        // A model by its name is fetched unless it is in the cache.
        Call(api("huggingface_hub.HfApi").url(arg(0, "endpoint"))),
        Call(api("huggingface_hub.hf_hub_download").when(NotTrue(keyword("local_files_only")))),
        Call(api("huggingface_hub.login")),
        Call(api("huggingface_hub.snapshot_download").when(NotTrue(keyword("local_files_only")))),
        Call(api("nltk.download")),
        Call(
            api("pandas.read_csv")
                .url(arg(0, "filepath_or_buffer"))
                .when(RemoteUrl(arg(0, "filepath_or_buffer"))),
        ),
        Call(api("pandas.read_excel").url(arg(0, "io")).when(RemoteUrl(arg(0, "io")))),
        Call(api("pandas.read_feather").url(arg(0, "path")).when(RemoteUrl(arg(0, "path")))),
        Call(
            api("pandas.read_fwf")
                .url(arg(0, "filepath_or_buffer"))
                .when(RemoteUrl(arg(0, "filepath_or_buffer"))),
        ),
        Call(api("pandas.read_html").url(arg(0, "io")).when(RemoteUrl(arg(0, "io")))),
        Call(
            api("pandas.read_json")
                .url(arg(0, "path_or_buf"))
                .when(RemoteUrl(arg(0, "path_or_buf"))),
        ),
        Call(api("pandas.read_orc").url(arg(0, "path")).when(RemoteUrl(arg(0, "path")))),
        Call(api("pandas.read_parquet").url(arg(0, "path")).when(RemoteUrl(arg(0, "path")))),
        Call(
            api("pandas.read_pickle")
                .url(arg(0, "filepath_or_buffer"))
                .when(RemoteUrl(arg(0, "filepath_or_buffer"))),
        ),
        Call(api("pandas.read_sql").url(arg(1, "con")).when(RemoteUrl(arg(1, "con")))),
        Call(
            api("pandas.read_stata")
                .url(arg(0, "filepath_or_buffer"))
                .when(RemoteUrl(arg(0, "filepath_or_buffer"))),
        ),
        Call(
            api("pandas.read_table")
                .url(arg(0, "filepath_or_buffer"))
                .when(RemoteUrl(arg(0, "filepath_or_buffer"))),
        ),
        Call(
            api("pandas.read_xml")
                .url(arg(0, "path_or_buffer"))
                .when(RemoteUrl(arg(0, "path_or_buffer"))),
        ),
        Call(api("pip.main")),
        Call(api("pip._internal.cli.main.main")),
        Call(api("pooch.retrieve").url(arg(0, "url"))),
        Call(api("pygit2.clone_repository").url(arg(0, "url"))),
        Call(api("smart_open.open").url(arg(0, "uri")).when(RemoteUrl(arg(0, "uri")))),
        Call(api("spacy.cli.download")),
        Call(api("tensorflow_hub.load").url(arg(0, "handle")).when(RemoteUrl(arg(0, "handle")))),
        Call(api("torch.hub.download_url_to_file").url(arg(0, "url"))),
        Call(api("torch.hub.load")),
        Call(api("torch.hub.load_state_dict_from_url").url(arg(0, "url"))),
        Call(
            api("transformers.AutoConfig.from_pretrained")
                .when(NotTrue(keyword("local_files_only"))),
        ),
        Call(
            api("transformers.AutoModel.from_pretrained")
                .when(NotTrue(keyword("local_files_only"))),
        ),
        Call(
            api("transformers.AutoModelForCausalLM.from_pretrained")
                .when(NotTrue(keyword("local_files_only"))),
        ),
        Call(
            api("transformers.AutoTokenizer.from_pretrained")
                .when(NotTrue(keyword("local_files_only"))),
        ),
        Call(
            api("transformers.PreTrainedModel.from_pretrained")
                .when(NotTrue(keyword("local_files_only"))),
        ),
        Call(api("transformers.pipeline")),
        Call(api("wget.download").url(arg(0, "url"))),
    ],
};

/// Packets below or beside ordinary sockets.
pub static NETWORK_PACKET: Rule = Rule {
    name: "network-packet",
    capability: Capability::Network,
    level: Level::Error,
    since: "0.1.0",
    summary: "a library sends or captures packets, pings or queries a device",
    verb: Verb::Connect,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/network-packet.md"),
    triggers: &[
        Call(api("bluetooth.BluetoothSocket").act(Verb::Prepare)),
        Call(api("bluetooth.BluetoothSocket.connect")),
        Call(api("icmplib.multiping")),
        Call(api("icmplib.ping").host(arg(0, "address"))),
        Call(api("icmplib.traceroute").host(arg(0, "address"))),
        Call(api("ntplib.NTPClient").act(Verb::Prepare)),
        Call(api("ntplib.NTPClient.request").host(arg(0, "host"))),
        Call(api("ping3.ping").host(arg(0, "dest_addr"))),
        Call(api("ping3.verbose_ping").host(arg(0, "dest_addr"))),
        Call(api("pysnmp.hlapi.getCmd")),
        Call(api("pysnmp.hlapi.nextCmd")),
        Call(api("pysnmp.hlapi.setCmd")),
        Call(api("scapy.sendrecv.AsyncSniffer")),
        Call(api("scapy.sendrecv.send")),
        Call(api("scapy.sendrecv.sendp")),
        Call(api("scapy.sendrecv.sniff")),
        Call(api("scapy.sendrecv.sr")),
        Call(api("scapy.sendrecv.sr1")),
        Call(api("scapy.sendrecv.srp")),
        Call(api("scapy.sendrecv.srp1")),
        Call(api("stem.control.Controller.from_port").host(arg(0, "address"))),
        Call(api("stem.control.Controller.from_socket_file").address(arg(0, "path"))),
    ],
};

/// What these names give and inherit.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "paramiko.client.SSHClient", of: "paramiko.SSHClient" },
    Alias { name: "paramiko.transport.Transport", of: "paramiko.Transport" },
    Alias { name: "paramiko.agent.Agent", of: "paramiko.Agent" },
    Alias { name: "fabric.connection.Connection", of: "fabric.Connection" },
    Alias { name: "fabric2.Connection", of: "fabric.Connection" },
    Alias { name: "asyncssh.connection", of: "asyncssh" },
    Alias { name: "pip._internal.main", of: "pip._internal.cli.main.main" },
    Alias { name: "git.repo.Repo", of: "git.Repo" },
    Alias { name: "git.repo.base.Repo", of: "git.Repo" },
    Alias {
        name: "huggingface_hub.file_download.hf_hub_download",
        of: "huggingface_hub.hf_hub_download",
    },
    Alias { name: "nltk.downloader", of: "nltk" },
    Alias { name: "spacy.cli.download.download", of: "spacy.cli.download" },
    Alias { name: "pandas.io.parsers.read_csv", of: "pandas.read_csv" },
    Alias { name: "fsspec.core.open", of: "fsspec.open" },
    Returns { api: "git.Repo.clone_from", class: "git.Repo" },
    Alias { name: "scapy.all", of: "scapy.sendrecv" },
];
