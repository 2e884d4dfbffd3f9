// Where the page starts.
import "./clock";
import "./app";
