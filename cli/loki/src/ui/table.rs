//! Columns that line up.

/// `rows` as lines, each column as wide as its widest cell, the last one not padded.
///
/// Cells hold one line each; colour goes on after the table is laid out.
pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            line.push_str(cell);
            if column + 1 < N {
                let missing = widths[column] - cell.chars().count();
                line.extend(std::iter::repeat_n(' ', missing + 2));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_do_not_trail_blanks() {
        let rows = [["a", "1", "x"], ["long", "22", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "a     1   x\nlong  22\n");
        assert_eq!(table::<2>(&[]), "");
    }
}
