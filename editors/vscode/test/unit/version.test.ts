import assert from "node:assert/strict";
import test from "node:test";

import { isOlder, parse } from "../../src/version.ts";

test("versions are read", () => {
  assert.deepEqual(parse("1.20.3"), { numbers: [1, 20, 3], preview: "" });
  assert.deepEqual(parse(" 0.1.0-rc.1+build \n"), { numbers: [0, 1, 0], preview: "rc.1" });
  for (const none of ["", "1.2", "1.2.3.4", "v1.2.3", "1.2.x", "hermetic-lsp 1.2.3"]) {
    assert.equal(parse(none), undefined, none);
  }
});

test("one comes before another", () => {
  // The order of Semantic Versioning 2.0, section 11.
  const inOrder = [
    ...["0.0.9", "0.1.0-alpha", "0.1.0-alpha.1", "0.1.0-alpha.beta", "0.1.0-beta.2"],
    ...["0.1.0-beta.11", "0.1.0", "0.1.1", "0.9.0", "0.10.0", "1.0.0"],
  ];
  const parsed = inOrder.map((text) => parse(text));
  for (const [left, one] of parsed.entries()) {
    for (const [right, other] of parsed.entries()) {
      assert(one && other);
      assert.equal(isOlder(one, other), left < right, `${inOrder[left]} and ${inOrder[right]}`);
    }
  }
});
