"""Check the links of the built documentation and of the Markdown files, without a network.

    python .ci/check_links.py HTML

HTML is the folder with the built pages. Every relative link and image must be a file, and every
anchor an id of its page. Links to this repository and to the published documentation are checked in
the checkout and in HTML. All other links are listed, not opened. The exit status is 1 if a link is
broken.
"""

import re
import sys
import tomllib
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]


class Page(HTMLParser):
    """The ids and the links of an HTML page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids |= {attributes.get("id"), attributes.get("name") if tag == "a" else None}
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]
        for candidate in (attributes.get("srcset") or "").split(","):
            self.links += candidate.split()[:1]


@cache
def read(path):
    """The ids and the links of a file; no ids if it has no anchors that can be checked."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        page = Page(text)
        return page.ids, page.links
    if path.suffix == ".css":
        return None, re.findall(r"""url\(["']?([^)"']+)""", text)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)", text, flags=re.MULTILINE)
    ids = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    return ids, re.findall(r"\]\(([^)\s]+)", text)


def broken(link, source, html):
    """The reason why a link of the file `source` is broken; None if it is not, "" if external."""
    published, repository = URLS["Documentation"], URLS["Source"] + "/blob/"
    parts = urlsplit(link)
    path, anchor = unquote(parts.path), unquote(parts.fragment)
    if link.startswith(published):
        target = html / unquote(urlsplit(link[len(published) :].lstrip("/")).path)
    elif link.startswith(repository):
        target = ROOT / link[len(repository) :].split("#")[0].partition("/")[2]
    elif parts.scheme or parts.netloc:
        return None if parts.scheme == "data" else ""
    else:
        target = source.parent / path if path else source
    if target.is_dir() and (target / "index.html").exists():
        target = target / "index.html"
    if not target.exists():
        return f"there is no {target.resolve()}"
    if lines := re.fullmatch(r"L(\d+)(?:-L(\d+))?", anchor):
        n_lines = target.read_text(encoding="utf-8").count("\n")
        return None if int(lines[lines.lastindex]) <= n_lines else f"it has {n_lines} lines only"
    if anchor and target.suffix in (".html", ".md") and anchor not in read(target)[0]:
        return f"{target.name} has no #{anchor}"
    return None


def main(html):
    pages = [path for path in html.rglob("*.html") if html / "_static" not in path.parents]
    if not pages:
        sys.exit(f"There are no pages in {html}.")
    sources = [*pages, html / "_static" / "skcoreset.css", *ROOT.glob("*.md")]
    external, n_links, failures = Counter(), 0, 0
    for source in sorted(sources):
        for link in read(source)[1]:
            n_links += 1
            reason = broken(link, source, html)
            if reason:
                failures += 1
                print(f"{source}: broken link {link}: {reason}")
            elif reason == "":
                external[link.partition("#")[0]] += 1
    print("External links, not checked:")
    for link in sorted(external):
        print(f"  {link} ({external[link]})")
    print(f"{n_links} links of {len(sources)} files, {len(external)} external, {failures} broken")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
