//! The matrix as a whole: which parties there are, and the cells between them.

use std::collections::HashMap;

use super::blocks::Blocks;
use super::cell::Cell;
use super::pair::{self, Candidate};
use super::party::{Outside, Party};
use super::pods::{self, Group};
use super::scope::Scope;
use super::vocabulary::Vocabulary;
use crate::inventory::Inventory;

/// Who may talk to whom.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Sources: pods by namespace and name, then the outside world.
    pub rows: Vec<Party>,
    /// Destinations, in the same order.
    pub columns: Vec<Party>,
    /// What takes no part.
    pub omitted: Omitted,
    /// Which of [`Self::distinct`].
    cells: Grid,
    /// Cells that differ from each other: most pairs share a few.
    distinct: Vec<Cell>,
}

/// What takes no part in a matrix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Omitted {
    /// hostNetwork pods, which are their node to policies (rule 21).
    pub host_network_pods: usize,
    /// Pods that have finished (rule 24).
    pub finished_pods: usize,
    /// Parties that the scope leaves out.
    pub not_asked: usize,
    /// Blocks that policies name and all of whose own addresses belong to the cluster.
    pub inner_blocks: Vec<ipnet::IpNet>,
}

/// How far a computation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pairs done.
    pub done: usize,
    /// All pairs.
    pub total: usize,
}

impl Matrix {
    /// Compares all parties that are asked about; `report` hears of every row that is done.
    pub fn new(inventory: &Inventory, scope: &Scope, mut report: impl FnMut(Progress)) -> Self {
        let blocks = Blocks::of(inventory);
        let mut omitted = Omitted::default();
        let vocabulary = Vocabulary::of(inventory);
        let groups = pods::groups(inventory, &blocks, &vocabulary, &mut omitted);
        let standing = standing(inventory, &groups, &blocks, scope, &mut omitted);
        let (rows, columns): (Vec<&Standing<'_>>, Vec<&Standing<'_>>) = (
            standing.iter().filter(|one| one.is_row).collect(),
            standing.iter().filter(|one| one.is_column).collect(),
        );
        let shape = Shape {
            pod_rows: rows.iter().filter(|one| one.block.is_none()).count(),
            pod_columns: columns.iter().filter(|one| one.block.is_none()).count(),
            rows: rows.len(),
            columns: columns.len(),
        };
        let mut cells = Cells::new(shape);
        let total = shape.pairs();
        // What classes were told: every other pair of the same two is told the same.
        let mut told: HashMap<(usize, usize), usize> = HashMap::new();
        for row in &rows {
            let width = shape.width(row.block.is_none());
            for column in &columns[..width] {
                let classes = (row.class, column.class);
                let is_to_itself = std::ptr::eq(*row, *column);
                let known = told.get(&classes).filter(|_| !is_to_itself);
                let id = known.copied().unwrap_or_else(|| {
                    let (from, to) = (&row.candidate, &column.candidate);
                    cells.intern(pair::cell(inventory, scope, from, to))
                });
                if !is_to_itself {
                    told.insert(classes, id);
                }
                cells.grid.ids.push(id);
            }
            let done = cells.grid.ids.len();
            report(Progress { done, total });
        }
        let (rows, columns) = (sides(&rows), sides(&columns));
        cells.merge_outside(rows, columns, &blocks, omitted)
    }

    /// What a row may reach of a column; `None` from one part of the outside world to another, and where there is no such
    /// row or column.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<&Cell> {
        Some(&self.distinct[self.cells.get(row, column)?])
    }

    /// Every pair that has a cell, row after row.
    pub fn pairs(&self) -> impl Iterator<Item = (&Party, &Party, &Cell)> {
        let shape = self.cells.shape;
        let indices = (0..shape.rows).flat_map(move |row| {
            (0..shape.width(row < shape.pod_rows)).map(move |column| (row, column))
        });
        indices.filter_map(|(row, column)| {
            let cell = self.cell(row, column)?;
            Some((&self.rows[row], &self.columns[column], cell))
        })
    }
}

/// How many rows and columns there are. Those of pods stand before those of the outside world.
#[derive(Clone, Copy, Debug)]
struct Shape {
    pod_rows: usize,
    pod_columns: usize,
    rows: usize,
    columns: usize,
}

impl Shape {
    /// Columns that a row has a cell in: one of the outside world has none with the outside world.
    fn width(self, is_of_pods: bool) -> usize {
        if is_of_pods {
            self.columns
        } else {
            self.pod_columns
        }
    }

    /// How many cells there are.
    fn pairs(self) -> usize {
        self.pod_rows * self.columns + (self.rows - self.pod_rows) * self.pod_columns
    }
}

/// Numbers of cells, row after row. From one part of the outside world to another there is none, and no room for one:
/// policies may name a million blocks.
#[derive(Clone, Debug)]
struct Grid {
    shape: Shape,
    ids: Vec<usize>,
}

impl Grid {
    fn get(&self, row: usize, column: usize) -> Option<usize> {
        let Shape {
            pod_rows,
            pod_columns,
            columns,
            ..
        } = self.shape;
        if column >= self.shape.width(row < pod_rows) {
            return None;
        }
        let before = match row.checked_sub(pod_rows) {
            None => row * columns,
            Some(row) => pod_rows * columns + row * pod_columns,
        };
        self.ids.get(before + column).copied()
    }
}

/// A candidate for rows and columns.
struct Standing<'a> {
    candidate: Candidate<'a>,
    /// Which block of the outside world it stands for.
    block: Option<usize>,
    /// Candidates of one class are told the same.
    class: usize,
    is_row: bool,
    is_column: bool,
}

fn standing<'a>(
    inventory: &'a Inventory,
    groups: &'a [Group],
    blocks: &Blocks,
    scope: &Scope,
    omitted: &mut Omitted,
) -> Vec<Standing<'a>> {
    let mut found = Vec::with_capacity(groups.len());
    for group in groups {
        let is_row = scope.has_source(&group.pods);
        let is_column = scope.has_destination(&group.pods);
        if !is_row && !is_column {
            omitted.not_asked += 1;
            continue;
        }
        found.push(Standing {
            candidate: Candidate::pods(inventory, group),
            block: None,
            class: group.class,
            is_row,
            is_column,
        });
    }
    // From one part of the outside world to another there is nothing to say.
    let is_row = scope.has_outside_as_source() && found.iter().any(|one| one.is_column);
    let is_column = scope.has_outside_as_destination() && found.iter().any(|one| one.is_row);
    for block in 0..blocks.len() {
        let Some(address) = blocks.representative(block, inventory) else {
            omitted.inner_blocks.push(blocks.get(block));
            continue;
        };
        found.push(Standing {
            candidate: Candidate::outside(address),
            block: Some(block),
            // There are no more classes of pods than groups.
            class: groups.len() + block,
            is_row,
            is_column,
        });
    }
    found
}

/// A row or a column before blocks that are told alike are merged.
enum Side {
    Pods(Party),
    Block(usize),
}

fn sides(standing: &[&Standing<'_>]) -> Vec<Side> {
    let sides = standing.iter().filter_map(|one| match one.block {
        Some(block) => Some(Side::Block(block)),
        None => {
            let group = one.candidate.group()?;
            Some(Side::Pods(Party::Pods(group.pods.clone())))
        }
    });
    sides.collect()
}

/// Cells as they are found.
struct Cells {
    grid: Grid,
    distinct: Vec<Cell>,
    known: HashMap<Cell, usize>,
}

impl Cells {
    fn new(shape: Shape) -> Self {
        Self {
            grid: Grid {
                shape,
                ids: Vec::new(),
            },
            distinct: Vec::new(),
            known: HashMap::new(),
        }
    }

    fn intern(&mut self, cell: Cell) -> usize {
        *self.known.entry(cell).or_insert_with_key(|cell| {
            self.distinct.push(cell.clone());
            self.distinct.len() - 1
        })
    }

    /// Blocks whose cells are all the same become one party.
    fn merge_outside(
        self,
        rows: Vec<Side>,
        columns: Vec<Side>,
        blocks: &Blocks,
        omitted: Omitted,
    ) -> Matrix {
        // All that a block is told, as a source and as a destination.
        let mut told: HashMap<usize, Vec<usize>> = HashMap::new();
        for (row, side) in rows.iter().enumerate() {
            if let Side::Block(block) = side {
                let cells = (0..columns.len()).filter_map(|column| self.grid.get(row, column));
                told.entry(*block).or_default().extend(cells);
            }
        }
        for (column, side) in columns.iter().enumerate() {
            if let Side::Block(block) = side {
                let cells = (0..rows.len()).filter_map(|row| self.grid.get(row, column));
                told.entry(*block).or_default().extend(cells);
            }
        }
        let mut alike: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
        for (block, cells) in told {
            alike.entry(cells).or_default().push(block);
        }
        let mut outside: HashMap<usize, Outside> = HashMap::new();
        for mut members in alike.into_values() {
            members.sort_unstable();
            // The first of them keeps its row and its column.
            outside.insert(members[0], blocks.together(&members));
        }
        let kept = |sides: Vec<Side>| -> (Vec<usize>, Vec<Party>) {
            let sides = sides.into_iter().enumerate();
            let kept = sides.filter_map(|(index, side)| {
                let party = match side {
                    Side::Pods(party) => Some(party),
                    Side::Block(block) => outside.get(&block).cloned().map(Party::Outside),
                };
                party.map(|party| (index, party))
            });
            kept.unzip()
        };
        let ((row_indices, rows), (column_indices, columns)) = (kept(rows), kept(columns));
        let is_pods = |party: &&Party| matches!(party, Party::Pods(_));
        let shape = Shape {
            pod_rows: rows.iter().filter(is_pods).count(),
            pod_columns: columns.iter().filter(is_pods).count(),
            rows: rows.len(),
            columns: columns.len(),
        };
        let ids = row_indices.iter().enumerate().flat_map(|(place, row)| {
            let columns = &column_indices[..shape.width(place < shape.pod_rows)];
            let grid = &self.grid;
            columns
                .iter()
                .filter_map(move |column| grid.get(*row, *column))
        });
        let cells = Grid {
            shape,
            ids: ids.collect(),
        };
        Matrix {
            rows,
            columns,
            omitted,
            cells,
            distinct: self.distinct,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_blocks_take_no_room_between_each_other() {
        let blocks = 1_000_000;
        let shape = Shape {
            pod_rows: 2,
            pod_columns: 1,
            rows: 2 + blocks,
            columns: 1 + blocks,
        };
        assert_eq!(shape.pairs(), 2 * (1 + blocks) + blocks);
        let grid = Grid {
            shape,
            ids: (0..shape.pairs()).collect(),
        };
        for (row, column, cell) in [
            (0, 0, Some(0)),
            (0, blocks, Some(blocks)),
            (1, 0, Some(1 + blocks)),
            (2, 0, Some(2 * (1 + blocks))),
            (2, 1, None),
            (1 + blocks, 0, Some(shape.pairs() - 1)),
            (2 + blocks, 0, None),
            (0, 1 + blocks, None),
        ] {
            assert_eq!(grid.get(row, column), cell, "row {row}, column {column}");
        }
    }
}
