//! Third-party libraries that write a file by its path.

use crate::act::Verb;
use crate::capability::Capability;
use crate::rule::Condition::{Given, Missing, ModeWrites};
use crate::rule::Trigger::Call;
use crate::rule::{Level, Reported, Rule, api, arg};

/// A third-party library writes a file.
pub static FILE_WRITE_LIBRARY: Rule = Rule {
    name: "file-write-library",
    capability: Capability::Filesystem,
    level: Level::Error,
    since: "0.1.0",
    summary: "a third-party library writes a file",
    verb: Verb::WriteFile,
    reported: Reported::ByPolicy,
    page: include_str!("../../../rules/file-write-library.md"),
    triggers: &[
        Call(api("aiofiles.open").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(api("anyio.open_file").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(api("trio.open_file").path(arg(0, "file")).when(ModeWrites(arg(1, "mode")))),
        Call(api("atomicwrites.atomic_write").path(arg(0, "path"))),
        Call(api("fs.osfs.OSFS").path(arg(0, "root_path"))),
        Call(api("git.Repo.clone_from").path(arg(1, "to_path"))),
        Call(api("git.Repo.init").path(arg(0, "path"))),
        // Numbers and tables.
        Call(api("numpy.save").path(arg(0, "file"))),
        Call(api("numpy.savez").path(arg(0, "file"))),
        Call(api("numpy.savez_compressed").path(arg(0, "file"))),
        Call(api("numpy.savetxt").path(arg(0, "fname"))),
        // The mode is missing: `r+`.
        Call(api("numpy.memmap").path(arg(0, "filename")).when(Missing(arg(2, "mode")))),
        Call(api("numpy.memmap").path(arg(0, "filename")).when(ModeWrites(arg(2, "mode")))),
        Call(api("numpy.ndarray.tofile").path(arg(0, "fid"))),
        Call(api("numpy.ndarray.dump").path(arg(0, "file"))),
        // Without a path these three give the text back.
        Call(
            api("pandas.DataFrame.to_csv")
                .path(arg(0, "path_or_buf"))
                .when(Given(arg(0, "path_or_buf"))),
        ),
        Call(
            api("pandas.DataFrame.to_json")
                .path(arg(0, "path_or_buf"))
                .when(Given(arg(0, "path_or_buf"))),
        ),
        Call(api("pandas.DataFrame.to_parquet").path(arg(0, "path")).when(Given(arg(0, "path")))),
        Call(api("pandas.DataFrame.to_pickle").path(arg(0, "path"))),
        Call(api("pandas.DataFrame.to_excel").path(arg(0, "excel_writer"))),
        Call(api("pandas.DataFrame.to_hdf").path(arg(0, "path_or_buf"))),
        Call(api("pandas.DataFrame.to_feather").path(arg(0, "path"))),
        Call(api("pandas.ExcelWriter").path(arg(0, "path"))),
        Call(api("polars.DataFrame.write_csv").path(arg(0, "file")).when(Given(arg(0, "file")))),
        Call(api("polars.DataFrame.write_parquet").path(arg(0, "file"))),
        Call(api("pyarrow.parquet.write_table").path(arg(1, "where"))),
        Call(api("pyarrow.parquet.ParquetWriter").path(arg(0, "where"))),
        Call(api("h5py.File").path(arg(0, "name")).when(ModeWrites(arg(1, "mode")))),
        Call(api("scipy.io.savemat").path(arg(0, "file_name"))),
        // Models.
        Call(api("torch.save").path(arg(1, "f"))),
        Call(api("joblib.dump").path(arg(1, "filename"))),
        // Pictures and documents.
        Call(api("PIL.Image.Image.save").path(arg(0, "fp"))),
        Call(api("matplotlib.pyplot.savefig").path(arg(0, "fname"))),
        Call(api("matplotlib.pyplot.imsave").path(arg(0, "fname"))),
        Call(api("matplotlib.figure.Figure.savefig").path(arg(0, "fname"))),
        Call(api("cv2.imwrite").path(arg(0, "filename"))),
        Call(api("imageio.imwrite").path(arg(0, "uri"))),
        Call(api("openpyxl.Workbook.save").path(arg(0, "filename"))),
        Call(api("docx.Document.save").path(arg(0, "path_or_stream"))),
        Call(api("dotenv.set_key").path(arg(0, "dotenv_path"))),
        Call(api("dotenv.unset_key").path(arg(0, "dotenv_path"))),
    ],
};
