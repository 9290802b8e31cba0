"""Reads our code pictures and payloads with programs that know nothing of ours.

    cargo run -q -p mamori-codes --example peers | tests/.venv/bin/python tests/peers/codes_peers.py

zxing-cpp decodes every picture, segno and python-barcode make the same symbols themselves, crcmod recomputes every CRC.
Packages: segno, zxing-cpp, crcmod, python-barcode, pillow (tests/requirements.txt). Exits 1 on the first difference.
"""

import base64
import re
import sys

import barcode as python_barcode
import crcmod.predefined
import segno
import zxingcpp
from PIL import Image, ImageDraw

SCALE = 4
crc = crcmod.predefined.mkCrcFun("crc-ccitt-false")


def picture(svg):
    """Draws our SVG from its rectangles: a white ground and one path of black ones."""
    width, height = map(int, re.search(r'viewBox="0 0 (\d+) (\d+)"', svg).groups())
    assert 'shape-rendering="crispEdges"' in svg and "style" not in svg, svg
    image = Image.new("L", (width * SCALE, height * SCALE), 255)
    draw = ImageDraw.Draw(image)
    path = re.search(r'fill="#000" d="([^"]*)"', svg).group(1)
    rectangles = re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{w}v{h}h-{b}z" for x, y, w, h, b in rectangles) == path, path
    modules = [[False] * width for _ in range(height)]
    for x, y, w, h, _ in (map(int, rectangle) for rectangle in rectangles):
        draw.rectangle([x * SCALE, y * SCALE, (x + w) * SCALE - 1, (y + h) * SCALE - 1], fill=0)
        for row in range(y, y + h):
            for column in range(x, x + w):
                modules[row][column] = True
    return image, modules


def read(image, formats):
    found = zxingcpp.read_barcodes(image, formats=formats)
    assert len(found) == 1, f"{len(found)} symbols found"
    return found[0]


def same_qr(modules, text, **how):
    """The side of the symbol that segno makes of the same text."""
    made = segno.make_qr(text, error="m", boost_error=False, **how)
    side = made.symbol_size(border=4)[0]
    assert side == len(modules), f"segno makes {side} modules, we {len(modules)}"


def check_barcode(text, svg):
    image, modules = picture(svg)
    found = read(image, zxingcpp.BarcodeFormat.Code128)
    assert found.text == text, found.text
    assert found.symbology_identifier == "]C0", found.symbology_identifier
    bars = "".join("1" if module else "0" for module in modules[0]).strip("0")
    made = python_barcode.get("code128", text).build()[0].strip("0")
    assert len(made) == len(bars), f"{len(made)} modules against {len(bars)}"
    if len(text) % 2 == 0:  # where the single odd digit goes is a free choice
        assert made == bars


def check_qr_digits(text, svg):
    image, modules = picture(svg)
    found = read(image, zxingcpp.BarcodeFormat.QRCode)
    assert found.text == text, found.text
    same_qr(modules, text, mode="numeric")


def check_qr_mpm(text, svg):
    image, modules = picture(svg)
    found = read(image, zxingcpp.BarcodeFormat.QRCode)
    assert found.bytes.decode("utf-8") == text, found.text
    covered, written = text[:-4], text[-4:]
    assert f"{crc(covered.encode()):04X}" == written, written
    same_qr(modules, text.encode(), mode="byte")
    rest, ids = text, []
    while rest:  # the structure once more, counted in characters
        ids.append(rest[:2])
        rest = rest[4 + int(rest[2:4]):]
    assert ids[0] == "00" and ids[-1] == "63" and len(set(ids)) == len(ids), ids


def check_qr_cpm(text, svg):
    image, modules = picture(svg)
    found = read(image, zxingcpp.BarcodeFormat.QRCode)
    assert found.text == text, found.text
    assert base64.b64decode(text, validate=True).startswith(b"\x85\x05JPQR1\x61")
    same_qr(modules, text.encode(), mode="byte")


def main():
    counts = {}
    for line in sys.stdin:
        kind, text, svg = line.rstrip("\n").split("\t")
        try:
            globals()[f"check_{kind}"](text, svg)
        except AssertionError as difference:
            print(f"{kind} {text}: {difference}", file=sys.stderr)
            return 1
        counts[kind] = counts.get(kind, 0) + 1
    expected = {"barcode", "qr_digits", "qr_mpm", "qr_cpm"}
    if set(counts) != expected:
        print(f"expected {sorted(expected)}, got {counts}", file=sys.stderr)
        return 1
    for kind, count in sorted(counts.items()):
        print(f"{kind}: {count} agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
