//! A two-colour SVG made of rectangles on a grid; shared by barcode and QR.

use std::fmt::Write as _;

/// An SVG of black rectangles on white, one unit per module, in one path.
pub(crate) struct Picture {
    svg: String,
}

impl Picture {
    pub(crate) fn new(width: usize, height: usize, capacity: usize) -> Self {
        let mut svg = String::with_capacity(256 + capacity);
        // Writing to a String cannot fail; so it is everywhere below.
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
             shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{width}v{height}H0z\"/>\
             <path fill=\"#000\" d=\""
        );
        Picture { svg }
    }

    pub(crate) fn rect(&mut self, x: usize, y: usize, width: usize, height: usize) {
        let _ = write!(self.svg, "M{x} {y}h{width}v{height}h-{width}z");
    }

    pub(crate) fn finish(mut self) -> String {
        self.svg.push_str("\"/></svg>");
        self.svg
    }
}

/// Calls `dark` with start and length of every run of dark modules.
pub(crate) fn runs(modules: impl Iterator<Item = bool>, mut dark: impl FnMut(usize, usize)) {
    let mut start = None;
    let mut end = 0;
    for (at, module) in modules.enumerate() {
        end = at + 1;
        match (module, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                dark(from, at - from);
                start = None;
            }
            _ => {}
        }
    }
    if let Some(from) = start {
        dark(from, end - from);
    }
}

/// Calls `run` with the length of every run, dark and light alike.
#[cfg(test)]
pub(crate) fn all_runs(modules: impl Iterator<Item = bool>, mut run: impl FnMut(usize)) {
    let mut length = 0;
    let mut last = None;
    for module in modules {
        if last.is_some_and(|last| last != module) {
            run(length);
            length = 0;
        }
        length += 1;
        last = Some(module);
    }
    if length > 0 {
        run(length);
    }
}
