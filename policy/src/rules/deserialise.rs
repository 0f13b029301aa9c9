//! Deserialisation that can run code, or hands back what can.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{NotTrue, OneOf, True, UnsafeLoader};
use crate::rule::Trigger::{Audit, Call, Import};
use crate::rule::TypeFact::{self, Alias, Returns};
use crate::rule::{Level, Reported, Rule, api, arg, keyword};

/// This family's rules.
pub static RULES: &[&Rule] =
    &[&DESERIALISATION_IMPORT, &UNSAFE_MARSHAL, &UNSAFE_MODEL, &UNSAFE_PICKLE, &UNSAFE_YAML];

/// Pickles, and the libraries that keep their data in them.
pub static UNSAFE_PICKLE: Rule = Rule {
    name: "unsafe-pickle",
    capability: Capability::DynamicCode,
    level: Level::Error,
    since: "0.1.0",
    summary: "a pickle is loaded, which can run any code",
    verb: Verb::Deserialise,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/unsafe-pickle.md"),
    triggers: &[
        Call(api("pickle.load")),
        Call(api("pickle.loads")),
        Call(api("pickle.Unpickler")),
        Call(api("shelve.open")),
        Call(api("shelve.Shelf")),
        Call(api("shelve.BsdDbShelf")),
        Call(api("shelve.DbfilenameShelf")),
        Call(api("multiprocessing.connection.Connection.recv")),
        Call(api("multiprocessing.reduction.ForkingPickler.loads")),
        Call(api("dill.load")),
        Call(api("dill.loads")),
        Call(api("dill.load_session")),
        Call(api("dill.load_module")),
        Call(api("dill.load_module_asdict")),
        Call(api("dill.Unpickler")),
        Call(api("cloudpickle.load")),
        Call(api("cloudpickle.loads")),
        Call(api("joblib.load")),
        Call(api("jsonpickle.decode")),
        Call(api("jsonpickle.unpickler.Unpickler")),
        Call(api("pandas.read_pickle")),
        // Columns of objects are stored as pickles.
        Call(api("pandas.read_hdf")),
        Call(api("pandas.HDFStore")),
        Call(api("pyarrow.deserialize")),
        Call(api("django.contrib.sessions.serializers.PickleSerializer")),
        Call(api("kombu.serialization.register_pickle")),
        Call(api("diskcache.Cache")),
        Call(api("diskcache.FanoutCache")),
        Call(api("klepto.archives.file_archive")),
        Call(api("klepto.archives.dir_archive")),
        Call(api("shelve2.open")),
        Call(api("zodbpickle.loads")),
        Call(api("zodbpickle.load")),
        Call(api("ZODB.DB")),
        Call(api("gensim.utils.unpickle")),
        Audit("pickle.find_class"),
    ],
};

/// Marshalled data: code objects, read without checks.
pub static UNSAFE_MARSHAL: Rule = Rule {
    name: "unsafe-marshal",
    capability: Capability::DynamicCode,
    level: Level::Error,
    since: "0.1.0",
    summary: "marshalled data is loaded, which can hold code objects and is not checked",
    verb: Verb::Deserialise,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/unsafe-marshal.md"),
    triggers: &[
        Call(api("marshal.load")),
        Call(api("marshal.loads")),
        Audit("marshal.load"),
        Audit("marshal.loads"),
    ],
};

/// YAML that may name Python objects to build.
pub static UNSAFE_YAML: Rule = Rule {
    name: "unsafe-yaml",
    capability: Capability::DynamicCode,
    level: Level::Error,
    since: "0.1.0",
    summary: "YAML is loaded with a loader that builds any Python object",
    verb: Verb::Deserialise,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/unsafe-yaml.md"),
    triggers: &[
        Call(api("yaml.load").when(UnsafeLoader(arg(1, "Loader")))),
        Call(api("yaml.load_all").when(UnsafeLoader(arg(1, "Loader")))),
        Call(api("yaml.unsafe_load")),
        Call(api("yaml.unsafe_load_all")),
        Call(api("yaml.full_load")),
        Call(api("yaml.full_load_all")),
        Call(api("yaml.Loader.get_data")),
        Call(api("yaml.Loader.get_single_data")),
        Call(api("yaml.UnsafeLoader.get_data")),
        Call(api("yaml.UnsafeLoader.get_single_data")),
        Call(api("ruamel.yaml.load").when(UnsafeLoader(arg(1, "Loader")))),
        Call(api("ruamel.yaml.load_all").when(UnsafeLoader(arg(1, "Loader")))),
        Call(api("ruamel.yaml.unsafe_load")),
        Call(api("ruamel.yaml.YAML").when(OneOf(keyword("typ"), &["unsafe"]))),
    ],
};

/// Model files that carry pickles or code.
pub static UNSAFE_MODEL: Rule = Rule {
    name: "unsafe-model",
    capability: Capability::DynamicCode,
    level: Level::Error,
    since: "0.1.0",
    summary: "a model or array file is loaded in a form that can carry code",
    verb: Verb::Deserialise,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/unsafe-model.md"),
    triggers: &[
        Call(api("torch.load").when(NotTrue(keyword("weights_only")))),
        Call(api("torch.jit.load")),
        Call(api("torch.hub.load")),
        Call(api("torch.package.PackageImporter")),
        Call(api("numpy.load").when(True(arg(2, "allow_pickle")))),
        Call(api("numpy.lib.npyio.NpzFile").when(True(arg(2, "allow_pickle")))),
        Call(api("numpy.lib.format.read_array").when(True(arg(1, "allow_pickle")))),
        // `safe_mode` covers the newest file format alone.
        Call(api("keras.models.load_model")),
        Call(api("tensorflow.saved_model.load")),
        Call(api("mlflow.pyfunc.load_model")),
        Call(api("nltk.data.load")),
        Call(api("spacy.load")),
    ],
};

/// Imports of the modules above; the guard refuses the import itself.
pub static DESERIALISATION_IMPORT: Rule = Rule {
    name: "deserialisation-import",
    capability: Capability::DynamicCode,
    level: Level::Error,
    since: "0.1.0",
    summary: "a module that runs code from data is imported",
    verb: Verb::Import,
    reported: Reported::ByPolicy,
    page: include_str!("../../rules/deserialisation-import.md"),
    triggers: &[
        Import("pickle"),
        Import("_pickle"),
        Import("cPickle"),
        Import("pickle5"),
        Import("zodbpickle"),
        Import("marshal"),
        Import("shelve"),
        Import("dill"),
        Import("cloudpickle"),
        Import("jsonpickle"),
    ],
};

/// Other names, and what gives a connection.
pub static TYPE_FACTS: &[TypeFact] = &[
    Alias { name: "pickle._load", of: "pickle.load" },
    Alias { name: "pickle._loads", of: "pickle.loads" },
    Alias { name: "pickle._Unpickler", of: "pickle.Unpickler" },
    Alias { name: "_pickle", of: "pickle" },
    Alias { name: "cPickle", of: "pickle" },
    Alias { name: "pickle5", of: "pickle" },
    Alias { name: "six.moves.cPickle", of: "pickle" },
    Alias { name: "celery.utils.serialization.pickle", of: "pickle" },
    Alias { name: "joblib.numpy_pickle.load", of: "joblib.load" },
    Alias { name: "sklearn.externals.joblib", of: "joblib" },
    Alias { name: "dill._dill", of: "dill" },
    Alias { name: "cloudpickle.cloudpickle", of: "cloudpickle" },
    Alias { name: "jsonpickle.unpickler.decode", of: "jsonpickle.decode" },
    Alias { name: "jsonpickle.loads", of: "jsonpickle.decode" },
    Alias { name: "pandas.io.pickle.read_pickle", of: "pandas.read_pickle" },
    Alias { name: "pandas.io.pytables.HDFStore", of: "pandas.HDFStore" },
    Alias { name: "pandas.io.pytables.read_hdf", of: "pandas.read_hdf" },
    Alias { name: "torch.serialization.load", of: "torch.load" },
    Alias { name: "numpy.lib.npyio.load", of: "numpy.load" },
    Alias { name: "keras.saving.load_model", of: "keras.models.load_model" },
    Alias { name: "tensorflow.keras", of: "keras" },
    Alias { name: "tf_keras", of: "keras" },
    Alias { name: "yaml.CLoader", of: "yaml.Loader" },
    Alias { name: "yaml.CUnsafeLoader", of: "yaml.UnsafeLoader" },
    Alias { name: "yaml.loader", of: "yaml" },
    Alias { name: "yaml.cyaml", of: "yaml" },
    Alias {
        name: "multiprocessing.connection.PipeConnection",
        of: "multiprocessing.connection.Connection",
    },
    Returns {
        api: "multiprocessing.connection.Client",
        class: "multiprocessing.connection.Connection",
    },
    Returns {
        api: "multiprocessing.connection.Listener.accept",
        class: "multiprocessing.connection.Connection",
    },
];
