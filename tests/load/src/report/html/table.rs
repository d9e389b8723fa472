//! Tables: the figures themselves, and what plots show for those who cannot see them.

use super::markup::Markup;

/// Rows of cells below a head. The first cell of a row names it.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) caption: String,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Columns in which anything but zero is an error.
    pub(super) errors: Vec<usize>,
    /// Where on the page more is told of each row. Empty where nowhere.
    pub(super) places: Vec<String>,
}

impl Table {
    pub(super) fn new(caption: &str, head: &[&str]) -> Self {
        Self {
            caption: caption.to_owned(),
            head: head.iter().map(|&cell| cell.to_owned()).collect(),
            rows: Vec::new(),
            errors: Vec::new(),
            places: Vec::new(),
        }
    }

    /// The table, which may be scrolled sideways where the screen is narrow.
    pub(super) fn render(&self, into: &mut Markup) {
        if self.rows.is_empty() {
            return into.says("p", &[], &format!("{}: nothing was measured.", self.caption));
        }
        let area = [("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", self.caption.as_str())];
        into.element("div", &area, |area| {
            // A table of few columns would be torn apart by the whole width of a page.
            let class = if self.head.len() > 4 { "full" } else { "few" };
            area.element("table", &[("class", class)], |table| {
                table.says("caption", &[], &self.caption);
                table.element("thead", &[], |head| {
                    head.element("tr", &[], |row| {
                        self.head.iter().for_each(|cell| row.says("th", &[("scope", "col")], cell))
                    });
                });
                table.element("tbody", &[], |body| self.render_rows(body));
            });
        });
    }

    /// The same, folded away below a plot.
    pub(super) fn render_folded(&self, into: &mut Markup) {
        into.element("details", &[], |details| {
            details.says("summary", &[], "Show as a table");
            self.render(details);
        });
    }

    fn render_rows(&self, into: &mut Markup) {
        for (at, cells) in self.rows.iter().enumerate() {
            let place = self.places.get(at).map(|place| format!("#{place}"));
            into.element("tr", &[], |row| self.render_row(cells, place.as_deref(), row));
        }
    }

    fn render_row(&self, cells: &[String], place: Option<&str>, row: &mut Markup) {
        for (at, cell) in cells.iter().enumerate() {
            match (cell.as_str(), place) {
                (name, Some(place)) if at == 0 => {
                    row.element("th", &[("scope", "row")], |head| head.says("a", &[("href", place)], name));
                }
                (name, None) if at == 0 => row.says("th", &[("scope", "row")], name),
                ("0" | "-", _) => row.says("td", &[("class", "nil")], cell),
                (error, _) if self.errors.contains(&at) => row.says("td", &[("class", "error")], error),
                (figure, _) => row.says("td", &[], figure),
            }
        }
    }
}
