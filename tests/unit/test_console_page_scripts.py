"""A page's modules in one file."""

from __future__ import annotations

import pytest

from appliance.console.page_scripts import PageScripts


@pytest.mark.parametrize(
    ("texts", "wrong"),
    [
        ({"main": 'import { a } from "./a.js";\n', "a": 'import * as main from "./main.js";\n'},
         "import each other"),
        ({"main": 'import { a } from "./a.js";\n'}, "not there: ..a"),
        ({"main": "export let a = 1;\n"}, "main.js cannot be joined with others: export let a"),
        ({"main": "export default 1;\n"}, "cannot be joined"),
        ({"main": 'import a from "./a.js";\n'}, "cannot be joined"),
        ({"main": 'import "./a.js";\n'}, "cannot be joined"),
        ({"main": 'const a = await import("./a.js");\n'}, "cannot be joined"),
    ],
)  # fmt: skip
def test_scripts_that_cannot_be_joined_are_told(texts: dict[str, str], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        PageScripts(texts)


def test_scripts_are_joined_in_order_and_each_in_a_scope_of_its_own() -> None:
    scripts = PageScripts(
        {
            "list": 'import { add as more, one } from "./sums.js";\n'
            "const own = 1;\nexport function start() {\n  return more(one, own);\n}\n",
            "main": 'import * as sums from "./sums.js";\nconst own = sums.one;\n'
            "export async function begin(parts) {}\n",
            "other": "export class Other {}\n",
            "sums": "export const add = (a, b) => a + b;\nexport const one = 1;\n",
        }
    )
    assert scripts.needed([]) == ["sums", "main"]
    assert sorted(scripts.needed(["list"])) == ["list", "main", "sums"]
    assert scripts.needed(["list"])[0] == "sums"
    joined = scripts.joined(["list"])
    assert "const { add: more, one } = $sums;" in joined
    assert "const sums = $sums;" in joined
    assert joined.endswith("$main.begin([$list]);\n")
    assert "Other" not in joined
    with pytest.raises(KeyError):
        scripts.joined(["none"])
