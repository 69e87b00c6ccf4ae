"""Formulas as MathML, written when the pages are built: no script, no font server, no network."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def convert(tex, as_block):
    # docutils knows \bigl and \bigr, which say on which side they stand, but not \big.
    tex = re.sub(r"\\(big|Big|bigg|Bigg)(?![A-Za-z])", r"\\\1l", tex)
    mathml = tex2mathml(tex, as_block=as_block)
    # Bars are ordinary symbols in TeX, but MathML puts wide spaces around them inside a formula.
    space = 'lspace="0.06em" rspace="0.06em"'
    return re.sub(r"<mo([^>]*)>([|‖])</mo>", rf"<mo\1 {space}>\2</mo>", mathml)


def visit_math(self, node):
    self.body.append(f'<span class="math">{convert(node.astext(), as_block=False)}</span>')
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(f'<div class="math">{convert(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
