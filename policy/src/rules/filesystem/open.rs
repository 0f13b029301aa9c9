//! Opening a file to read or to write it.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{
    All, FlagsRead, FlagsWrite, Given, LocalPath, Missing, ModeReads, ModeWrites, True,
};
use crate::rule::Trigger::{Audit, Call, Slot};
use crate::rule::{Level, Reported, Rule, api, arg, keyword};

/// A file is opened for writing, or its length set.
pub static FILE_WRITE: Rule = Rule {
    name: "file-write",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a file is opened for writing",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-write.md"),
    triggers: &[
        Call(
            api("builtins.open")
                .path(arg(0, "file"))
                .when(ModeWrites(arg(1, "mode")))
                .patch_point(),
        ),
        Call(api("os.open").path(arg(0, "path")).when(FlagsWrite(arg(1, "flags"))).patch_point()),
        Call(api("io.FileIO").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(api("codecs.open").path(arg(0, "filename")).when(ModeWrites(arg(1, "mode")))),
        Call(api("os.truncate").path(arg(0, "path")).patch_point()),
        Call(api("pathlib.Path.open").receiver_path().when(ModeWrites(arg(0, "mode")))),
        Call(api("pathlib.Path.write_text").receiver_path()),
        Call(api("pathlib.Path.write_bytes").receiver_path()),
        // Compressed files and archives; methods of an open one write to the file opened here.
        Call(api("gzip.open").path(arg(0, "filename")).when(ModeWrites(arg(1, "mode")))),
        Call(
            api("gzip.GzipFile")
                .path(arg(0, "filename"))
                .when(All(&[ModeWrites(arg(1, "mode")), Missing(arg(3, "fileobj"))])),
        ),
        Call(api("bz2.open").path(arg(0, "filename")).when(ModeWrites(arg(1, "mode")))),
        Call(api("bz2.BZ2File").path(arg(0, "filename")).when(ModeWrites(arg(1, "mode")))),
        Call(api("lzma.open").path(arg(0, "filename")).when(ModeWrites(arg(1, "mode")))),
        Call(api("lzma.LZMAFile").path(arg(0, "filename")).when(ModeWrites(arg(1, "mode")))),
        Call(api("compression.zstd.open").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(api("compression.zstd.ZstdFile").path(arg(0, "")).when(ModeWrites(arg(1, "mode")))),
        Call(api("zipfile.ZipFile").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(api("zipfile.PyZipFile").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(
            api("tarfile.open")
                .path(arg(0, "name"))
                .when(All(&[ModeWrites(arg(1, "mode")), Missing(arg(2, "fileobj"))])),
        ),
        Call(
            api("tarfile.TarFile")
                .path(arg(0, "name"))
                .when(All(&[ModeWrites(arg(1, "mode")), Missing(arg(2, "fileobj"))])),
        ),
        Call(api("shutil.make_archive").path(arg(0, "base_name")).patch_point()),
        Call(api("distutils.archive_util.make_archive").path(arg(0, "base_name"))),
        Call(api("zipapp.create_archive").path(arg(1, "target"))),
        // Other formats of the standard library that take a path.
        Call(api("wave.open").path(arg(0, "f")).when(ModeWrites(arg(1, "mode")))),
        Call(api("aifc.open").path(arg(0, "f")).when(ModeWrites(arg(1, "mode")))),
        Call(api("sunau.open").path(arg(0, "f")).when(ModeWrites(arg(1, "mode")))),
        Call(api("mailbox.Maildir").path(arg(0, "dirname"))),
        Call(api("mailbox.mbox").path(arg(0, "path"))),
        Call(api("mailbox.MH").path(arg(0, "path"))),
        Call(api("mailbox.Babyl").path(arg(0, "path"))),
        Call(api("mailbox.MMDF").path(arg(0, "path"))),
        Call(api("xml.etree.ElementTree.ElementTree.write").path(arg(0, "file_or_filename"))),
        Call(api("http.cookiejar.FileCookieJar.save").path(arg(0, "filename"))),
        Call(api("distutils.file_util.write_file").path(arg(0, "filename"))),
        // `inplace` moves the file away and opens it anew (CPython, `Lib/fileinput.py`).
        Call(api("fileinput.input").path(arg(0, "files")).when(True(arg(1, "inplace")))),
        Call(api("fileinput.FileInput").path(arg(0, "files")).when(True(arg(1, "inplace")))),
        Call(api("urllib.request.urlretrieve").path(arg(1, "filename"))),
        Call(api("urllib.request.URLopener.retrieve").path(arg(1, "filename"))),
        // Byte code, profiles and histories.
        Call(api("py_compile.compile").path(arg(1, "cfile"))),
        Call(api("py_compile.main")),
        Call(api("compileall.compile_dir").path(arg(0, "dir"))),
        Call(api("compileall.compile_file").path(arg(0, "fullname"))),
        Call(api("compileall.compile_path")),
        Call(api("cProfile.Profile.dump_stats").path(arg(0, "file"))),
        Call(api("cProfile.run").path(arg(1, "filename")).when(Given(arg(1, "filename")))),
        Call(api("profile.run").path(arg(1, "filename")).when(Given(arg(1, "filename")))),
        Call(api("pstats.Stats.dump_stats").path(arg(0, "filename"))),
        Call(api("trace.CoverageResults.write_results").path(arg(2, "coverdir"))),
        Call(api("tracemalloc.Snapshot.dump").path(arg(0, "filename"))),
        Call(api("readline.write_history_file").path(arg(0, ""))),
        Call(api("readline.append_history_file").path(arg(1, ""))),
        // These fill a folder with an environment.
        Call(api("ensurepip.bootstrap")),
        Call(api("venv.create").path(arg(0, "env_dir"))),
        Call(api("venv.EnvBuilder.create").path(arg(0, "env_dir"))),
        Audit("open"),
        Audit("os.truncate"),
        Audit("shutil.make_archive"),
        Audit("ensurepip.bootstrap"),
        // No event before 3.14 (measured).
        Slot("readline.write_history_file"),
        Slot("readline.append_history_file"),
    ],
};

/// A file is opened for reading.
pub static FILE_READ: Rule = Rule {
    name: "file-read",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a file outside the read root is opened for reading",
    verb: Verb::ReadFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-read.md"),
    triggers: &[
        Call(
            api("builtins.open").path(arg(0, "file")).when(ModeReads(arg(1, "mode"))).patch_point(),
        ),
        Call(api("os.open").path(arg(0, "path")).when(FlagsRead(arg(1, "flags"))).patch_point()),
        Call(api("io.FileIO").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(api("io.open_code").path(arg(0, "path"))),
        Call(api("codecs.open").path(arg(0, "filename")).when(ModeReads(arg(1, "mode")))),
        Call(api("tokenize.open").path(arg(0, "filename"))),
        Call(api("pathlib.Path.open").receiver_path().when(ModeReads(arg(0, "mode")))),
        Call(api("pathlib.Path.read_text").receiver_path()),
        Call(api("pathlib.Path.read_bytes").receiver_path()),
        // What a copy reads; what it writes is `file-copy`.
        Call(api("pathlib.Path.copy").receiver_path()),
        Call(api("pathlib.Path.copy_into").receiver_path()),
        Call(api("shutil.copy").path(arg(0, "src")).patch_point()),
        Call(api("shutil.copy2").path(arg(0, "src")).patch_point()),
        Call(api("shutil.copyfile").path(arg(0, "src")).patch_point()),
        Call(api("shutil.copytree").path(arg(0, "src")).patch_point()),
        Call(api("distutils.file_util.copy_file").path(arg(0, "src"))),
        Call(api("distutils.dir_util.copy_tree").path(arg(0, "src"))),
        Call(api("os.getxattr").path(arg(0, "path"))),
        Call(api("os.listxattr").path(arg(0, "path"))),
        // Compressed files and archives.
        Call(api("gzip.open").path(arg(0, "filename")).when(ModeReads(arg(1, "mode")))),
        Call(
            api("gzip.GzipFile")
                .path(arg(0, "filename"))
                .when(All(&[ModeReads(arg(1, "mode")), Missing(arg(3, "fileobj"))])),
        ),
        Call(api("bz2.open").path(arg(0, "filename")).when(ModeReads(arg(1, "mode")))),
        Call(api("bz2.BZ2File").path(arg(0, "filename")).when(ModeReads(arg(1, "mode")))),
        Call(api("lzma.open").path(arg(0, "filename")).when(ModeReads(arg(1, "mode")))),
        Call(api("lzma.LZMAFile").path(arg(0, "filename")).when(ModeReads(arg(1, "mode")))),
        Call(api("compression.zstd.open").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(api("compression.zstd.ZstdFile").path(arg(0, "")).when(ModeReads(arg(1, "mode")))),
        Call(api("zipfile.ZipFile").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(api("zipfile.PyZipFile").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(
            api("tarfile.open")
                .path(arg(0, "name"))
                .when(All(&[ModeReads(arg(1, "mode")), Missing(arg(2, "fileobj"))])),
        ),
        Call(
            api("tarfile.TarFile")
                .path(arg(0, "name"))
                .when(All(&[ModeReads(arg(1, "mode")), Missing(arg(2, "fileobj"))])),
        ),
        Call(api("shutil.unpack_archive").path(arg(0, "filename")).patch_point()),
        Call(api("zipimport.zipimporter").path(arg(0, ""))),
        // Other formats of the standard library that take a path.
        Call(api("wave.open").path(arg(0, "f")).when(ModeReads(arg(1, "mode")))),
        Call(api("aifc.open").path(arg(0, "f")).when(ModeReads(arg(1, "mode")))),
        Call(api("sunau.open").path(arg(0, "f")).when(ModeReads(arg(1, "mode")))),
        Call(api("fileinput.input").path(arg(0, "files"))),
        Call(api("fileinput.FileInput").path(arg(0, "files"))),
        Call(api("filecmp.cmp").path(arg(0, "f1"))),
        Call(api("filecmp.cmp").path(arg(1, "f2"))),
        Call(api("configparser.ConfigParser.read").path(arg(0, "filenames"))),
        Call(api("configparser.RawConfigParser.read").path(arg(0, "filenames"))),
        Call(api("logging.config.fileConfig").path(arg(0, "fname"))),
        Call(api("xml.etree.ElementTree.parse").path(arg(0, "source"))),
        Call(api("xml.etree.ElementTree.iterparse").path(arg(0, "source"))),
        Call(api("xml.etree.ElementTree.ElementTree.parse").path(arg(0, "source"))),
        Call(api("xml.dom.minidom.parse").path(arg(0, "file"))),
        Call(api("http.cookiejar.FileCookieJar.load").path(arg(0, "filename"))),
        Call(api("mimetypes.init")),
        Call(api("readline.read_history_file").path(arg(0, ""))),
        Call(api("readline.read_init_file").path(arg(0, ""))),
        // Source and package data; where it lies is known only to the import system.
        Call(api("linecache.getline").path(arg(0, "filename"))),
        Call(api("linecache.getlines").path(arg(0, "filename"))),
        Call(api("linecache.updatecache").path(arg(0, "filename"))),
        Call(api("inspect.getsource")),
        Call(api("inspect.getsourcelines")),
        Call(api("importlib.resources.open_binary")),
        Call(api("importlib.resources.open_text")),
        Call(api("importlib.resources.read_binary")),
        Call(api("importlib.resources.read_text")),
        Call(api("pkgutil.get_data")),
        Call(api("pkg_resources.resource_string")),
        // Third-party libraries.
        Call(api("aiofiles.open").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(api("anyio.open_file").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(api("trio.open_file").path(arg(0, "file")).when(ModeReads(arg(1, "mode")))),
        Call(api("numpy.load").path(arg(0, "file"))),
        Call(api("numpy.loadtxt").path(arg(0, "fname")).when(LocalPath(arg(0, "fname")))),
        Call(api("numpy.genfromtxt").path(arg(0, "fname")).when(LocalPath(arg(0, "fname")))),
        Call(api("numpy.fromfile").path(arg(0, "file"))),
        Call(api("numpy.memmap").path(arg(0, "filename"))),
        Call(
            api("pandas.read_csv")
                .path(arg(0, "filepath_or_buffer"))
                .when(LocalPath(arg(0, "filepath_or_buffer"))),
        ),
        Call(
            api("pandas.read_table")
                .path(arg(0, "filepath_or_buffer"))
                .when(LocalPath(arg(0, "filepath_or_buffer"))),
        ),
        Call(
            api("pandas.read_json")
                .path(arg(0, "path_or_buf"))
                .when(LocalPath(arg(0, "path_or_buf"))),
        ),
        Call(
            api("pandas.read_pickle")
                .path(arg(0, "filepath_or_buffer"))
                .when(LocalPath(arg(0, "filepath_or_buffer"))),
        ),
        Call(api("pandas.read_excel").path(arg(0, "io")).when(LocalPath(arg(0, "io")))),
        Call(api("pandas.read_parquet").path(arg(0, "path")).when(LocalPath(arg(0, "path")))),
        Call(api("pandas.read_feather").path(arg(0, "path")).when(LocalPath(arg(0, "path")))),
        Call(api("pandas.read_hdf").path(arg(0, "path_or_buf"))),
        Call(api("pyarrow.parquet.read_table").path(arg(0, "source"))),
        Call(api("h5py.File").path(arg(0, "name")).when(ModeReads(arg(1, "mode")))),
        Call(api("PIL.Image.open").path(arg(0, "fp"))),
        Call(api("torch.load").path(arg(0, "f"))),
        Call(api("joblib.load").path(arg(0, "filename"))),
        Call(api("cv2.imread").path(arg(0, "filename"))),
        Call(api("openpyxl.load_workbook").path(arg(0, "filename"))),
        Call(api("docx.Document").path(arg(0, "docx")).when(Given(arg(0, "docx")))),
        Call(api("ssl.SSLContext.load_cert_chain").path(arg(0, "certfile"))),
        Call(
            api("ssl.SSLContext.load_verify_locations")
                .path(arg(0, "cafile"))
                .when(Given(arg(0, "cafile"))),
        ),
        Call(
            api("ssl.create_default_context")
                .path(keyword("cafile"))
                .when(Given(keyword("cafile"))),
        ),
        Audit("open"),
        Audit("os.getxattr"),
        Audit("os.listxattr"),
        // No event before 3.14 (measured).
        Slot("readline.read_history_file"),
        Slot("readline.read_init_file"),
        // OpenSSL opens these itself: no event (measured).
        Slot("_ssl._SSLContext.load_cert_chain"),
        Slot("_ssl._SSLContext.load_verify_locations"),
    ],
};
