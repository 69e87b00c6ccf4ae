"""Sphinx extension that renders formulas as MathML at build time, without scripts or a network."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def convert(tex, as_block):
    # docutils supports \bigl but not \big.
    tex = re.sub(r"\\(big|Big|bigg|Bigg)(?![A-Za-z])", r"\\\1l", tex)
    mathml = tex2mathml(tex, as_block=as_block)
    # Bars are ordinary symbols in TeX; MathML stretches them and adds wide spaces.
    mathml = mathml.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')
    space = 'lspace="0.06em" rspace="0.06em"'
    mathml = re.sub(r"<mo([^>]*)>([|‖])</mo>", rf"<mo\1 {space}>\2</mo>", mathml)
    # TeX puts thin spaces around the name of a function.
    thin = '<mspace width="0.167em"/>'
    mathml = re.sub(r"<mi>(ln|log|exp)</mi>", rf"{thin}<mi>\1</mi>", mathml)
    mathml = re.sub(r"(&ApplyFunction;</mo>)(?!\s*<mo)", rf"\1{thin}", mathml)
    # A delimiter with an exponent has the given size only within an mrow.
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
