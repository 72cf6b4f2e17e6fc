"""What names stand for: imports, scopes, and which of several bindings counts."""

from __future__ import annotations

from pathlib import Path

from .linting import lint
from .programs import HEAD, assert_found, marked, write

LOAD = """
    import time
    def load():
        time.sleep(1)
    def harmless():
        return 1
"""


def test_a_module_under_another_name(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import time as clock
        import urllib.request as u

        @app.get("/")
        async def read():
            u.urlopen("http://x")  # FL102
            clock.monotonic()
            clock.sleep(1)  # FL101
        """,
    )


def test_a_function_under_another_name(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from time import sleep as nap, monotonic as sleep

        @app.get("/")
        async def read():
            sleep()
            nap(1)  # FL101
        """,
    )


def test_a_dotted_import(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import urllib.request

        @app.get("/")
        async def read():
            urllib.request.urlopen("http://x")  # FL102
        """,
    )


def test_an_import_inside_a_function(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            import subprocess
            from time import sleep
            sleep(1)  # FL101
            subprocess.run(["x"])  # FL104

        @app.get("/other")
        async def other():
            sleep(1)
        """,
    )


def test_a_function_assigned_to_a_name(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        fetch = requests.get
        again = fetch

        @app.get("/")
        async def read():
            local = again
            return local("http://x")  # FL102
        """,
    )


def test_a_name_passed_on_by_a_package(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from services import reload

        @app.get("/")
        async def read():
            reload()  # FL101
        """,
        {"services/__init__.py": "from .loading import load as reload\n", "services/loading.py": LOAD},
    )


def test_relative_imports(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pkg/__init__.py": "",
            "pkg/loading.py": LOAD,
            "pkg/api/__init__.py": "from ..loading import load\n",
            "pkg/api/routes.py": HEAD
            + """
from . import load
from .. import loading
from ..loading import load as direct
from .helpers import help

@app.get("/")
async def read():
    load()  # FL101
    loading.load()  # FL101
    direct()  # FL101
    help()  # FL101
""",
            "pkg/api/helpers.py": "from ..loading import load\ndef help():\n    load()\n",
        },
    )
    assert lint(tmp_path) == marked(tmp_path)


def test_a_relative_import_that_leaves_the_project(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from ...nowhere import load
        from .... import other

        @app.get("/")
        async def read():
            load()
            other.load()
            time.sleep(1)  # FL101
        """,
    )


def test_star_imports(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from services import *

        @app.get("/")
        async def read():
            harmless()
            load()  # FL101
        """,
        {
            "services/__init__.py": "from services.inner import *\n",
            "services/inner.py": "from .loading import *\n",
            "services/loading.py": LOAD,
        },
    )


def test_an_own_definition_beats_a_star_import(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from loading import *

        def load():
            return 1

        @app.get("/")
        async def read():
            load()
        """,
        {"loading.py": LOAD},
    )


def test_source_directory(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "pyproject.toml": "",
            "src/shop/__init__.py": "",
            "src/shop/loading.py": LOAD,
            "src/shop/main.py": HEAD
            + """
from shop.loading import load

@app.get("/")
async def read():
    load()  # FL101
""",
        },
    )
    assert lint(tmp_path) == marked(tmp_path)


def test_packages_without_an_init_file(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import shop.deep.loading
        from shop.deep import loading

        @app.get("/")
        async def read():
            loading.load()  # FL101
            shop.deep.loading.load()  # FL101
        """,
        {"shop/deep/loading.py": LOAD},
    )


def test_a_service_in_a_directory_of_its_own(tmp_path: Path) -> None:
    """Two services whose packages have the same name do not mix."""
    route = HEAD + "from app.work import work\n@app.get('/')\nasync def read():\n    work()"
    write(
        tmp_path,
        {
            "slow/app/__init__.py": "",
            "slow/app/work.py": "import time\ndef work():\n    time.sleep(1)\n",
            "slow/app/main.py": f"{route}  # FL101\n",
            "fast/app/__init__.py": "",
            "fast/app/work.py": "def work():\n    return 1\n",
            "fast/app/main.py": f"{route}\n",
        },
    )
    assert lint(tmp_path) == marked(tmp_path)


def test_imports_for_type_checkers(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from clients import Client

        def get_client() -> "Client": ...

        @app.get("/")
        async def read(client: "Client" = Depends(get_client)):
            client.fetch()  # FL102
        """,
        {
            "clients.py": "import requests\nclass Client:\n    def fetch(self): return requests.get('http://x')\n"
        },
    )


def test_either_import_may_succeed(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        try:
            from quick import load
        except ImportError:
            from loading import load
        try:
            import httpx
        except ImportError:
            httpx = None

        @app.get("/")
        async def read():
            load()  # FL101
            if httpx:
                httpx.get("http://x")  # FL102
        """,
        {"loading.py": LOAD, "quick.py": "def load(): ...\n"},
    )


def test_a_submodule_as_an_attribute(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import services
        import services.loading

        @app.get("/")
        async def read():
            services.harmless()
            services.loading.load()  # FL101
        """,
        {"services/__init__.py": "def harmless(): ...\n", "services/loading.py": LOAD},
    )


def test_a_module_of_the_project_named_like_a_library(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "requests.py": "def get(url):\n    return url\n",
            "main.py": HEAD + "@app.get('/')\nasync def read():\n    requests.get('http://x')\n",
        },
    )
    assert lint(tmp_path) == set()


def test_a_local_name_hides_a_module(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        class Fake:
            @staticmethod
            def get(url):
                return url

        @app.get("/")
        async def read():
            requests = Fake
            return requests.get("http://x")

        @app.get("/other")
        async def other(time: str = "x"):
            return time.sleep(1)

        @app.get("/third")
        async def third():
            return requests.get("http://x")  # FL102
        """,
    )


def test_a_project_function_hides_a_builtin(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def open(path):
            return path

        @app.get("/")
        async def read():
            open("x").read()
        """,
    )


def test_a_function_defined_further_down(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            later()  # FL101

        def later():
            time.sleep(1)
        """,
    )


def test_the_last_definition_counts(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def work():
            time.sleep(1)

        def work():
            return 1

        @app.get("/")
        async def read():
            work()
        """,
    )


def test_the_binding_before_a_use_counts(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            work = print
            work(1)
            work = time.sleep
            work(1)  # FL101
            work = print
            work(1)
        """,
    )


def test_bindings_of_both_branches_count(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read(fast: bool = True):
            if fast:
                work = print
            else:
                work = time.sleep
            work(1)  # FL101

        @app.get("/other")
        async def other(fast: bool = True):
            work = print if fast else time.sleep
            work(1)  # FL101
        """,
    )


def test_a_binding_further_down_in_a_loop_counts(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            work = print
            for number in range(3):
                work(number)  # FL101
                work = time.sleep
        """,
    )


def test_a_global_that_a_function_sets(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        session = None

        def start():
            global session
            session = requests.Session()

        @app.get("/")
        async def read():
            return session.get("http://x")  # FL102
        """,
    )


def test_a_module_variable_that_another_module_sets(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        import state

        def start():
            state.session = requests.Session()

        @app.get("/")
        async def read():
            return state.session.get("http://x")  # FL102
        """,
        {"state.py": "session = None\n"},
    )


def test_a_name_of_the_function_around(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            work = print
            def change():
                nonlocal work
                work = time.sleep
            change()
            work(1)  # FL101
        """,
    )


def test_a_class_body_is_no_scope_for_its_methods(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        def work():
            return 1

        class Worker:
            def work(self):
                time.sleep(1)
            def run(self):
                work()

        @app.get("/")
        async def read():
            Worker().run()
        """,
    )


def test_names_bound_by_unpacking_and_in_expressions(tmp_path: Path) -> None:
    assert_found(
        tmp_path,
        """
        @app.get("/")
        async def read():
            first, (second, *rest) = print, (time.sleep, print)
            first(1)
            second(1)  # FL101
            if work := requests.get:
                work("http://x")  # FL102
        """,
    )
