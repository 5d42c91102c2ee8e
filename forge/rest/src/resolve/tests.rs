mod calls;
mod kit;
mod planned;
mod random;
mod reads;
mod relationships;
mod writes;
