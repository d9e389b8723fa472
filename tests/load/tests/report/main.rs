//! What a run leaves behind: figures that are right, in shapes that are kept, on a page that anybody can read.

mod colours;
mod page;
mod recording;
mod scene;
mod shape;
mod summary;
