/** Which documents the server is told of. */
/** Python in files, buffers and cells; our configuration files. */
export const SELECTOR = [
  { scheme: "file", language: "python" },
  { scheme: "untitled", language: "python" },
  { scheme: "vscode-notebook-cell", language: "python" },
  { scheme: "file", pattern: "**/hermetic.toml" },
  { scheme: "file", pattern: "**/pyproject.toml" },
];
