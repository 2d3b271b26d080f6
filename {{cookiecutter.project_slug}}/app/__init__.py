{% if cookiecutter.concurrency == "sync" %}
raise ImportError("This service is half rendered: render it again with the hooks of its template.")
{% endif %}
