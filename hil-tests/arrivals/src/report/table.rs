//! Tables in Markdown, and how figures are written in them.

use crate::score::Figures;

/// A table: the first columns are words, the others are figures.
pub(super) struct Table {
    words: usize,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With so many columns of words on the left.
    pub(super) fn new(words: usize, header: &[&str]) -> Self {
        Self { words, header: header.iter().map(|&head| head.to_owned()).collect(), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub(super) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule: Vec<String> =
            (0..self.header.len()).map(|i| if i < self.words { "---" } else { "---:" }.to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{}{rows}\n", line(&self.header), line(&rule).replace("| ", "|").replace(" |", "|"))
    }
}

/// Seconds: two figures that count, as far as a second matters.
pub(super) fn seconds(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |s| if s.abs() < 99.95 { format!("{s:.1}") } else { format!("{s:.0}") })
}

/// Percentiles in a row: `0.5 / 1.3 / 2.3`.
pub(super) fn percentiles(figures: &Figures, percents: &[u32]) -> String {
    if figures.is_empty() {
        return "-".to_owned();
    }
    let parts: Vec<String> = percents.iter().map(|&percent| seconds(figures.percentile(percent))).collect();
    parts.join(" / ")
}

/// A rate: more digits the smaller it is, none where there is none.
pub(super) fn rate(value: f64) -> String {
    match value {
        v if v <= 0.0 => "0".to_owned(),
        v if v < 10.0 => format!("{v:.1}"),
        v => thousands(v),
    }
}

/// Whole numbers in groups of three.
pub(super) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in per cent.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |share| format!("{share:.1}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown_with_words_left_and_figures_right() {
        let mut table = Table::new(1, &["rule", "missed"]);
        table.row(vec!["naive".into(), "14".into()]);
        assert_eq!(table.markdown(), "| rule | missed |\n|---|---:|\n| naive | 14 |\n\n");
    }

    #[test]
    fn figures_are_written_as_they_are_read() {
        assert_eq!([0.0, 0.44, 12.6, 32_812.4].map(rate), ["0", "0.4", "13", "32,812"]);
        assert_eq!([0.0, 999.0, 1_000.0, 1_234_567.0].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([Some(0.04), Some(-3.26), Some(123.4), None].map(seconds), ["0.0", "-3.3", "123", "-"]);
        assert_eq!(percent(Some(97.25)), "97.2");
    }

    #[test]
    fn percentiles_of_nothing_are_nothing() {
        let mut figures = Figures::default();
        assert_eq!(percentiles(&figures, &[50, 95]), "-");
        (1..=100).for_each(|value| figures.add(f64::from(value)));
        assert_eq!(percentiles(&figures, &[50, 95]), "50.0 / 95.0");
    }
}
