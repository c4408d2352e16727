"""What `make` and CI run: `python -m tools.course`, `python -m tools.render`, `python -m tools.build_readme` …"""
