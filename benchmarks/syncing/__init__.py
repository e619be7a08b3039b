"""The syncer under load: real clusters with make-believe (kwok) nodes, thousands of pods at a time."""
