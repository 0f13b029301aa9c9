/** Versions as `hermetic-lsp --version` and `package.json` write them. */

/** The three numbers of a version; what follows them (`-rc.1`) makes it come before them. */
export interface Version {
  readonly numbers: readonly [number, number, number];
  readonly preview: string;
}

/** Read `1.2.3` or `1.2.3-rc.1`; `undefined` for anything else. */
export function parse(text: string): Version | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+\S*)?$/.exec(text.trim());
  if (!found) return undefined;
  const [, major, minor, patch, preview] = found;
  return { numbers: [Number(major), Number(minor), Number(patch)], preview: preview ?? "" };
}

/** Whether `one` came out before `other`; by Semantic Versioning 2.0, section 11. */
export function isOlder(one: Version, other: Version): boolean {
  for (const [index, number] of one.numbers.entries()) {
    const against = other.numbers[index] ?? 0;
    if (number !== against) return number < against;
  }
  if (one.preview === other.preview) return false;
  if (one.preview === "" || other.preview === "") return one.preview !== "";
  return comparePreviews(one.preview.split("."), other.preview.split("."));
}

function comparePreviews(one: string[], other: string[]): boolean {
  for (const [index, part] of one.entries()) {
    const against = other[index];
    if (against === undefined) return false;
    if (part === against) continue;
    const [left, right] = [Number(part), Number(against)];
    const [leftIsText, rightIsText] = [Number.isNaN(left), Number.isNaN(right)];
    if (!leftIsText && !rightIsText) return left < right;
    // Numbers come before words.
    if (leftIsText !== rightIsText) return rightIsText;
    return part < against;
  }
  return one.length < other.length;
}
