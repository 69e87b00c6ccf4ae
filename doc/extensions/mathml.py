"""Formulas as MathML, written when the pages are built: no script, no font server, no network."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def convert(tex, as_block):
    # docutils knows \bigl and \bigr, which say on which side they stand, but not \big.
    tex = re.sub(r"\\(big|Big|bigg|Bigg)(?![A-Za-z])", r"\\\1l", tex)
    mathml = tex2mathml(tex, as_block=as_block)
    # Bars are ordinary symbols in TeX, but MathML stretches them and puts wide spaces around them
    # inside a formula.
    mathml = mathml.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')
    space = 'lspace="0.06em" rspace="0.06em"'
    mathml = re.sub(r"<mo([^>]*)>([|‖])</mo>", rf"<mo\1 {space}>\2</mo>", mathml)
    # The thin spaces around the name of a function.
    thin = '<mspace width="0.167em"/>'
    mathml = re.sub(r"<mi>(ln|log|exp)</mi>", rf"{thin}<mi>\1</mi>", mathml)
    mathml = re.sub(r"(&ApplyFunction;</mo>)(?!\s*<mo)", rf"\1{thin}", mathml)
    # A size is heeded only in a row, so not where a delimiter has an exponent.
    return re.sub(r"(<mo [^>]*minsize.*?</mo>)", r"<mrow>\1</mrow>", mathml)


def visit_math(self, node):
    self.body.append(f'<span class="math">{convert(node.astext(), as_block=False)}</span>')
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(f'<div class="math">{convert(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
