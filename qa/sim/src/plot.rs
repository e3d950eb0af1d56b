//! Line charts as SVG, in colours that can be told apart on light and on dark ground.

use std::fmt::Write;

const WIDTH: f64 = 960.0;
const PANEL_HEIGHT: f64 = 300.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 285.0;
const TOP: f64 = 64.0;
const GAP: f64 = 74.0;
const PALETTE: [&str; 8] = [
    "#1f9e89", "#3b78c2", "#8e5bb5", "#d1495b", "#e08a1e", "#8a7a4a", "#5c8a3a", "#7f8c9a",
];

/// One line: its points are (x, y), those without y leave a gap.
#[derive(Debug, Clone, Default)]
pub struct Series {
    pub label: String,
    pub dashed: bool,
    /// Index into the palette: lines of one thing in several panels have one colour.
    pub colour: usize,
    pub points: Vec<(f64, Option<f64>)>,
}

/// One chart of a picture.
#[derive(Debug, Clone, Default)]
pub struct Panel {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
    pub x_max: f64,
    pub y_max: f64,
    /// Distances of the lines of the grid.
    pub x_step: f64,
    pub y_step: f64,
    pub series: Vec<Series>,
}

/// Draws panels one below the other.
#[must_use]
pub fn draw(title: &str, panels: &[Panel]) -> String {
    let height = TOP + panels.len() as f64 * (PANEL_HEIGHT + GAP);
    let mut svg = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\" role=\"img\">\n<title>{0}</title>\n<style>\
         .ground{{fill:#ffffff}} text{{fill:#33414e}} .grid{{stroke:#d8dee4;stroke-width:1}} .axis{{stroke:#7f8c9a}} \
         .line{{fill:none;stroke-width:2;stroke-linejoin:round}} .dashed{{stroke-dasharray:5 4}} \
         @media (prefers-color-scheme: dark){{.ground{{fill:#12181f}} text{{fill:#d3dbe3}} .grid{{stroke:#2c3641}}}}\
         </style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"17\">{0}</text>\n",
        escape(title)
    );
    for (row, panel) in panels.iter().enumerate() {
        draw_panel(&mut svg, panel, TOP + row as f64 * (PANEL_HEIGHT + GAP));
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_panel(svg: &mut String, panel: &Panel, top: f64) {
    let (right, bottom) = (WIDTH - RIGHT, top + PANEL_HEIGHT);
    let x = |value: f64| LEFT + value / panel.x_max * (right - LEFT);
    let y = |value: f64| bottom - value / panel.y_max * PANEL_HEIGHT;
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" font-size=\"14\">{}</text>",
        top - 12.0,
        escape(&panel.title)
    );
    for value in steps(panel.y_max, panel.y_step) {
        let at = y(value);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for value in steps(panel.x_max, panel.x_step) {
        let at = x(value);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {top}V{bottom}\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{value}</text>",
            bottom + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\"/>\
         <text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\
         <text transform=\"translate(22 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, right),
        bottom + 38.0,
        escape(&panel.x_label),
        f64::midpoint(top, bottom),
        escape(&panel.y_label)
    );
    for (row, series) in panel.series.iter().enumerate() {
        draw_series(svg, series, &x, &y);
        let at = top + 14.0 + 20.0 * row as f64;
        let _ = writeln!(
            svg,
            "<path class=\"{}\" stroke=\"{}\" d=\"M{} {at}h26\"/><text x=\"{}\" y=\"{}\">{}</text>",
            class(series),
            colour(series),
            right + 18.0,
            right + 52.0,
            at + 4.0,
            escape(&series.label)
        );
    }
}

fn draw_series(svg: &mut String, series: &Series, x: &impl Fn(f64) -> f64, y: &impl Fn(f64) -> f64) {
    let mut path = String::new();
    let mut pen = 'M';
    for (at, value) in &series.points {
        let Some(value) = value else {
            pen = 'M';
            continue;
        };
        let _ = write!(path, "{pen}{:.1} {:.1}", x(*at), y(*value));
        pen = 'L';
    }
    if !path.is_empty() {
        let _ = writeln!(
            svg,
            "<path class=\"{}\" stroke=\"{}\" d=\"{path}\"/>",
            class(series),
            colour(series)
        );
    }
}

fn steps(max: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..=(max / step) as usize).map(move |n| n as f64 * step)
}

const fn class(series: &Series) -> &'static str {
    if series.dashed {
        "line dashed"
    } else {
        "line"
    }
}

const fn colour(series: &Series) -> &'static str {
    PALETTE[series.colour % PALETTE.len()]
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(points: Vec<(f64, Option<f64>)>) -> Panel {
        Panel {
            title: "a < b".to_owned(),
            x_max: 10.0,
            y_max: 100.0,
            x_step: 5.0,
            y_step: 50.0,
            series: vec![Series {
                label: "one".to_owned(),
                points,
                ..Series::default()
            }],
            ..Panel::default()
        }
    }

    #[test]
    fn the_corners_of_a_panel_are_its_least_and_greatest_values() {
        let svg = draw("t", &[panel(vec![(0.0, Some(0.0)), (10.0, Some(100.0))])]);
        assert!(svg.contains("M76.0 364.0L675.0 64.0"), "{svg}");
        assert!(svg.contains("a &lt; b"));
    }

    #[test]
    fn a_point_without_value_leaves_a_gap() {
        let svg = draw("t", &[panel(vec![(0.0, Some(0.0)), (5.0, None), (10.0, Some(100.0))])]);
        assert!(svg.contains("M76.0 364.0M675.0 64.0"), "{svg}");
    }
}
