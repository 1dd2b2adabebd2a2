mod data;
mod going_on;
